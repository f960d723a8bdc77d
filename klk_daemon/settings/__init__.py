"""What the operator may set: the model, where its values come from, and how they are shown.

Only `bootstrap` and `cli` import this package; everybody else is handed plain values
(architecture.md, "The way of the data"). The rules are those of contract.md, "Configuration".
"""

from klk_daemon.settings.loading import Loaded, load, require_runnable
from klk_daemon.settings.model import Settings, TiendaSettings, documented_keys
from klk_daemon.settings.show import as_json, as_toml, summary
from klk_daemon.settings.sources import parse_set
from klk_daemon.settings.state import ensure_state_dir, state_dir

__all__ = [
    "Loaded",
    "Settings",
    "TiendaSettings",
    "as_json",
    "as_toml",
    "documented_keys",
    "ensure_state_dir",
    "load",
    "parse_set",
    "require_runnable",
    "state_dir",
    "summary",
]
