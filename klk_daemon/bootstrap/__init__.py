"""Builds objects from the settings; the only place that does. `app` for a run, `daemon` for the daemon."""
