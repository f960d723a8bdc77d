"""Colour and width, where stdout is a terminal."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """What a piece of text looks like, as the terminal's code for it."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    LOUD = "1;31"


Piece = tuple[str, Style]


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where text goes: `width` is None where lines may be as long as they like, as in a file or a pipe."""

    colors: bool = False
    width: int | None = None

    def paint(self, text: str, style: Style) -> str:
        """The text in a style, where there is colour."""
        return f"\033[{style}m{text}\033[0m" if self.colors and style and text else text

    def flow(self, head: Sequence[Piece], words: Sequence[Sequence[Piece]], *, indent: int) -> str:
        """The head, then the words behind it; what has no room goes on below, indented.

        Args:
            head: what the line begins with; its pieces are not parted.
            words: each is pieces that stay together, unless they are longer than a line.
            indent: columns in front of the lines that follow.
        """
        lines = ["".join(self.paint(*piece) for piece in head)]
        used = sum(len(text) for text, _ in head)
        for word in words:
            length = sum(len(text) for text, _ in word)
            gap = 1 if used > (indent if len(lines) > 1 else 0) else 0
            if self.width is None or used + gap + length <= self.width:
                lines[-1] += " " * gap + "".join(self.paint(*piece) for piece in word)
                used += gap + length
                continue
            room = max(self.width - indent, 20)
            for painted, size in self._broken(word, room):
                lines.append(" " * indent + painted)
                used = indent + size
        return "\n".join(line.rstrip() for line in lines)

    def _broken(self, word: Sequence[Piece], room: int) -> list[tuple[str, int]]:
        """A word in lines of its own; one that is longer than a line is parted, and only its first piece is painted."""
        text = "".join(text for text, _ in word)
        if len(text) <= room:
            return [("".join(self.paint(*piece) for piece in word), len(text))]
        first, *others = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
        key, style = word[0]
        painted = self.paint(key, style) + first[len(key) :] if first.startswith(key) else first
        return [(painted, len(first)), *((line, len(line)) for line in others)]


def canvas() -> Canvas:
    """Of stdout: colour only on a terminal, and without NO_COLOR."""
    if not sys.stdout.isatty():
        return Canvas()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Canvas(colors=not plain, width=shutil.get_terminal_size().columns)
