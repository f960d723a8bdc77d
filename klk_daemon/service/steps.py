"""Steps of an installation: made first, then done, or only shown (`--dry-run`).

One that would change nothing is not made.
"""

import os
import shlex
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import strftime

from klk_daemon.errors import KlkError
from klk_daemon.service.commands import run


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do, and its words: `text` is what is to be written, for `--dry-run`."""

    says: str
    do: Callable[[], object]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a new file or folder is; by name, since the user may not exist yet. Empty: who makes it."""

    user: str = ""
    group: str = ""

    def take(self, path: Path) -> None:
        """Hands a file or folder over."""
        if self.user:
            shutil.chown(path, self.user, self.group)


NOBODY_ELSE = Owner()


def command(*argv: str, given: bytes = b"", check: bool = True) -> Step:
    """Runs a program."""
    return Step(shlex.join(argv), lambda: run(argv, given=given, check=check))


def folder(path: Path, *, mode: int, owner: Owner = NOBODY_ELSE) -> list[Step]:
    """Makes a folder where there is none; one that is there stays as it is."""

    def make() -> None:
        # The ones above are for everybody to pass through; only the last is the owner's.
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.mkdir(mode=mode, exist_ok=True)
        path.chmod(mode)
        owner.take(path)

    whose = f", of {owner.user}" if owner.user else ""
    return [] if path.is_dir() else [Step(f"make the folder {path} ({mode:04o}{whose})", make)]


def file(path: Path, text: str, *, mode: int, owner: Owner = NOBODY_ELSE) -> list[Step]:
    """Writes a file, whole or not at all; one that holds the text already stays as it is."""

    def write() -> None:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        # Beside the place, then renamed: nobody reads half a file. Closed until it has its owner.
        new = path.with_name(f".{path.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        owner.take(new)
        new.chmod(mode)
        new.replace(path)

    return [] if _holds(path, text) else [Step(f"write {path} ({mode:04o})", write, text)]


def kept(path: Path, text: str, place: Path) -> list[Step]:
    """Keeps a copy of a file in `place` before `text` takes its place."""
    if not path.exists() or _holds(path, text):
        return []
    copy = place / f"{path.name}.{stamp()}"
    return [Step(f"keep a copy of {path} as {copy}", lambda: shutil.copy2(path, copy))]


def move(path: Path, place: Path) -> Step:
    """Moves a file, between file systems too."""
    return Step(f"move {path} to {place}", lambda: shutil.move(path, place))


def gone(path: Path) -> list[Step]:
    """Removes a file."""
    return [Step(f"remove {path}", path.unlink)] if path.is_file() or path.is_symlink() else []


def gone_if_empty(path: Path) -> Step:
    """Removes a folder unless there is something in it."""

    def remove() -> None:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()

    return Step(f"remove the folder {path}, if it is empty", remove)


def follow(steps: Iterable[Step], *, tell: Callable[[str], None], dry_run: bool) -> None:
    """Does the steps in order, telling each; with `dry_run` only tells.

    Raises:
        KlkError: a step failed; those before it are done, and doing all again goes on from there.
    """
    for step in steps:
        tell(("would " if dry_run else "") + _verb(step.says))
        if dry_run:
            if step.text:
                tell("\n".join(f"    {line}".rstrip() for line in step.text.splitlines()))
            continue
        try:
            step.do()
        except OSError as e:
            raise KlkError(f"cannot {step.says}: {e.strerror or e}", hint=_hint(e)) from e


def _verb(says: str) -> str:
    verbs: Sequence[str] = ("make ", "write ", "keep ", "move ", "remove ")
    return says if says.startswith(tuple(verbs)) else f"run {says}"


def _hint(error: OSError) -> str:
    return "needs root: use sudo" if isinstance(error, PermissionError) else ""


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def stamp() -> str:
    """A moment, for the name of a copy; UTC is for machines, and this is for the person who looks for it."""
    return strftime("%Y%m%d-%H%M%S")
