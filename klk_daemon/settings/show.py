"""The effective settings for the eye: TOML with each value's origin, or JSON; secrets masked."""

import json
from typing import Any, Final

from klk_daemon.settings.loading import Loaded
from klk_daemon.settings.mask import mask

_WIDEST: Final = 72  # a longer line keeps its comment, out of the column


def as_toml(loaded: Loaded) -> str:
    """The settings as TOML, `# origin` behind each value.

    Args:
        loaded: What `load` returned.

    Returns:
        Lines without a final line break; masked, so not meant to be read back.
    """
    lines: list[tuple[str, str]] = []
    for section, table in _masked(loaded).items():
        if section == "tiendas":
            for tienda in table:
                lines += [("", ""), ("[[tiendas]]", loaded.origins["tiendas"])]
                lines += [(f"{key} = {_literal(value)}", "") for key, value in tienda.items()]
            if not table:
                # a bare key behind a table's header would belong to that table
                lines.insert(0, ("tiendas = []", loaded.origins["tiendas"]))
            continue
        lines += [("", ""), (f"[{section}]", "")]
        lines += [(f"{key} = {_literal(value)}", loaded.origins[f"{section}.{key}"]) for key, value in table.items()]
    column = max(len(text) for text, origin in lines if origin and len(text) <= _WIDEST)
    shown = [f"{text:<{column}}  # {origin}" if origin else text for text, origin in lines]
    return "\n".join(shown).strip()


def as_json(loaded: Loaded) -> str:
    """The same as one JSON document: `file`, `settings`, `origins` (by dotted key)."""
    document = {
        "file": str(loaded.file) if loaded.file else None,
        "settings": _masked(loaded),
        "origins": loaded.origins,
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def summary(loaded: Loaded) -> str:
    """One line for `config validate`, such as "4 stores (1 inactive), 5 warehouses"."""
    tiendas = loaded.settings.tiendas
    inactive = sum(not tienda.activa for tienda in tiendas)
    warehouses = sum(len(tienda.almacenes) for tienda in tiendas)
    note = f" ({inactive} inactive)" if inactive else ""
    return f"{_count(len(tiendas), 'store')}{note}, {_count(warehouses, 'warehouse')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _masked(loaded: Loaded) -> dict[str, Any]:
    """Section to key to value, as plain data."""
    return {
        section: table
        if section == "tiendas"
        else {key: mask(f"{section}.{key}", value) for key, value in table.items()}
        for section, table in loaded.settings.model_dump(mode="json").items()
    }


def _literal(value: object) -> str:
    """The value as TOML; JSON writes text, numbers, booleans and lists of them alike."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 120 s, as the file has it
    return json.dumps(value, ensure_ascii=False)
