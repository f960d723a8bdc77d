"""Which seeds are lived."""


def leer(text: str) -> list[int]:
    """`5` or `1-100` or `3,7,20-22`."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds
