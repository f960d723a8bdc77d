"""Weeks of a shop chain's life in minutes: the real jobs, a real socket, a real database file, and every trouble.

`world` makes a run of events from a seed, `bench` runs the jobs, `model` says what must hold after each of them.
Nothing in `truth` or `model` uses the product's own planning, conversion or SQL: it would inherit its mistakes.
"""
