"""What may be ordered over HTTP, checked."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict


class TriggerOrder(BaseModel):
    """The options of `klk-daemon trigger`, under the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tiendas: Sequence[str] = ()
    desde: str | None = None
    hasta: str | None = None
    completo: bool = False
    aceptar: bool = False
    dry_run: bool = False
    wait: bool = True


class PauseOrder(BaseModel):
    """How long a pause lasts; without `hasta`, until told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hasta: datetime | None = None
