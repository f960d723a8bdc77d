"""The service in a container that is booted with a real systemd (`make test-systemd`; needs root)."""
