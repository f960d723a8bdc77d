"""Hide what is secret in a setting's value: in `config show` and in every error message."""

import re
from typing import Final

_SHOWN: Final = "…"
_USERINFO: Final = re.compile(r"://[^\s'\"]*@")
# Up to the last "@": an unescaped "@" or "/" inside a password must not uncover its tail.
_PAIR: Final = re.compile(
    r"""(?i)([\w-]*(?:passw(?:or)?d|pwd|secret|token|key)[\w-]*\s*=\s*)('(?:[^'\\]|\\.)*'?|"[^"]*"?|[^\s&;]+)"""
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PLACE: Final = re.compile(r"(https?://)(?:[^\s'\"]*@)?([^\s/?#@'\"]+)")


def mask(key: str, value: object) -> object:
    """The value as it may be shown.

    Args:
        key: The dotted key, such as `alerts.urls`; an index behind it does not matter.
        value: Text, or a list or tuple of it; anything else holds no secret and comes back as it is.

    Returns:
        Apprise URLs as `scheme://…`, the heartbeat as `scheme://host/…`, any other text without the user part
        of an address and without the values of `password=`, `token=` and the like.
    """
    if isinstance(value, (list, tuple)):
        return [mask(key, item) for item in value]
    if not isinstance(value, str) or not value:
        return value
    if key.startswith("alerts.urls"):
        scheme = _SCHEME.match(value)
        return f"{scheme[0]}{_SHOWN}" if scheme else _SHOWN
    if key.startswith("alerts.heartbeat_url"):
        place = _PLACE.match(value)
        return f"{place[1]}{place[2]}/{_SHOWN}" if place else _SHOWN
    return _PAIR.sub(rf"\1{_SHOWN}", _USERINFO.sub(f"://{_SHOWN}@", value))
