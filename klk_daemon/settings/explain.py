"""Turn pydantic's findings into one readable line each: source, key, what was found, what is expected."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from klk_daemon.settings.kinds import Expected
from klk_daemon.settings.mask import mask
from klk_daemon.settings.model import Settings, TiendaSettings
from klk_daemon.settings.sources import Layer, unknown

_LONGEST: Final = 80
_WORDS: Final[Mapping[object, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
}


def explain(error: ValidationError, owners: Mapping[str, Layer], nobody: Layer) -> list[str]:
    """The lines for everything that is wrong with the merged settings.

    Args:
        error: What pydantic found.
        owners: Dotted key (or section, or `tiendas`) to the layer its value came from.
        nobody: The layer to name for a value that no source gave.

    Returns:
        One line for each problem; secrets masked.
    """
    lines = []
    for loc, text in _findings(error):
        key = dotted(loc)
        owner = owners.get(".".join(str(part) for part in loc[:2])) or owners.get(str(loc[0])) or nobody
        lines.append(f"{owner.where}: {key}: {text}")
    return lines


def dotted(loc: Sequence[str | int]) -> str:
    """The key as the operator writes it: `tiendas[1].id`."""
    named = (part if isinstance(part, int) or part.isprintable() else json.dumps(part) for part in loc)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in named).removeprefix(".")


def _findings(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for item in error.errors(include_url=False):
        loc, context = item["loc"], item.get("ctx", {})
        if item["type"] == "default_factory_not_called":
            continue  # it only follows from another finding: a store's name is its id, and the id is wrong
        if item["type"] == "problems":
            yield from (((*loc, *below), text) for below, text in context["problems"])
        elif item["type"] == "extra_forbidden":
            yield loc, unknown(str(loc[-1]), _siblings(loc))
        elif item["type"] == "missing":
            yield loc, f"missing, expected {_expected(loc)}"
        else:
            reason = str(context["error"]) if item["type"] == "value_error" else ""
            found = _found(dotted(loc), item["input"])
            form = ', written ["one", "two"]' if item["type"] == "tuple_type" and len(loc) > 1 else ""
            yield loc, f"found {found}{f' ({reason})' if reason else ''}, expected {_expected(loc)}{form}"


def _found(key: str, value: object) -> str:
    """The value as found, short and without secrets; of a table only that it is one."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
        return "a list of tables"
    text = json.dumps(mask(key, value), ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _model(loc: Sequence[str | int]) -> type[BaseModel]:
    """The model that the last part of `loc` is, or should be, a key of."""
    if len(loc) <= 1:
        return Settings
    if loc[0] == "tiendas":
        return TiendaSettings
    section = Settings.model_fields[str(loc[0])].annotation
    return section if isinstance(section, type) and issubclass(section, BaseModel) else Settings


def _siblings(loc: Sequence[str | int]) -> list[str]:
    return list(_model(loc).model_fields)


def _expected(loc: Sequence[str | int]) -> str:
    """What belongs at `loc`: the field's own words, or its type and limits."""
    if loc[0] != "tiendas":
        section = _model(loc) if len(loc) > 1 else None
        return _words(section.model_fields[str(loc[1])]) if section else f"a table [{loc[0]}]"
    if len(loc) == 1:
        return _words(Settings.model_fields["tiendas"])
    return _words(TiendaSettings.model_fields[str(loc[2])]) if len(loc) > 2 else "a [[tiendas]] table"  # noqa: PLR2004 - list, index, key


def _words(field: FieldInfo) -> str:
    own = [str(item) for item in field.metadata if isinstance(item, Expected)]
    if own:
        return own[-1]
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(field.annotation))
    return _WORDS.get(field.annotation, "another type") + _limits(field.metadata)


def _limits(metadata: Sequence[Any]) -> str:
    low = next((f" of at least {item.ge}" for item in metadata if isinstance(item, annotated_types.Ge)), "")
    above = next((f" above {item.gt}" for item in metadata if isinstance(item, annotated_types.Gt)), "")
    high = next((f" and at most {item.le}" for item in metadata if isinstance(item, annotated_types.Le)), "")
    return low + above + high
