"""The jobs: one use case a file, and what a run of any of them is."""
