"""Databases as the older pipeline left them (legacy-db.md), made by the DuckDB that it used."""
