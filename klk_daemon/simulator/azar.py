"""Chance that can be repeated: every random choice of the world hangs on the seed and on what it is about."""

import hashlib
from random import Random


def azar(*about: object) -> Random:
    """A generator of its own for `about` (seed first), the same in every process and Python version.

    `hash()` would differ from process to process; hence the digest.
    """
    text = "\x1f".join(str(part) for part in about)
    return Random(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()))
