"""A collection that is never in memory as a whole."""

from collections.abc import Callable, Collection, Iterator
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class Mapped(Collection[T], Generic[S, T]):
    """What a function makes of the items of another collection: each anew, whenever it is read."""

    def __init__(self, function: Callable[[S], T], items: Collection[S]) -> None:
        self._function = function
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return map(self._function, self._items)

    def __contains__(self, item: object) -> bool:
        return any(item == mine for mine in self)
