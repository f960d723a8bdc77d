"""Exit codes that no error carries (contract, "Commands"); see errors.py for the others."""

from typing import Final

STALE: Final = 1
