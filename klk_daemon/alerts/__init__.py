"""Alerts: facts in, causes out, each recorded before it is sent, to every channel once; and the heartbeat."""
