"""JSON text of anything that JSON's parser gives. Python's reads NaN and infinities, which JSON has no word for."""

import json
from collections.abc import Callable
from typing import Any


def json_text(value: Any, *, ensure_ascii: bool = True, default: Callable[[Any], Any] | None = None) -> str:
    """Valid JSON: NaN and infinities become text, `default` makes something of what else JSON does not know."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=ensure_ascii, default=default)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=ensure_ascii, default=default)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value
