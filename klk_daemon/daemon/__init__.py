"""The long-running process: its schedule, its workers, its start and its end."""
