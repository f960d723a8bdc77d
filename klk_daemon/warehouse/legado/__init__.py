"""The database of an older pipeline (legacy-db.md), taken over: what it holds, what must change, and changing it.

`hallazgos.py` reads, `plan.py` decides (pure), `pasos.py` does it in one transaction, `vistas.py` keeps the views
answering as before, `regreso.py` writes the way back, `duplicados.py` counts and removes lines that are there twice.
"""
