"""A request as it came in, and what the log keeps of it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Peticion:
    """A request: `ruta` without the query, `consulta` the query, `cuerpo` the raw body."""

    metodo: str
    ruta: str
    consulta: dict[str, str]
    cuerpo: bytes

    @classmethod
    def of(cls, metodo: str, target: str, cuerpo: bytes) -> "Peticion":
        """From the request line's parts and the body.

        Raises:
            ValueError: a target that is no address.
        """
        parts = urlsplit(target)
        return cls(metodo, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), cuerpo)

    def datos(self) -> dict[str, Any]:
        """The parameters: those of the query, overridden by those of the JSON body.

        Raises:
            ValueError: the body is not a JSON object.
        """
        if not self.cuerpo.strip():
            return dict(self.consulta)
        body = json.loads(self.cuerpo)
        if not isinstance(body, dict):
            raise ValueError("se espera un objeto JSON")  # noqa: TRY004 - a wrong value of the client's
        return self.consulta | body


@dataclass(slots=True)
class Registro:
    """A request in the log: `reloj` is the world's time, `inicio` and `fin` are the machine's.

    `status` and `filas` are what the answer says, whether or not a fault let the client see it.
    `resultado` is `en_curso`, `ok`, the kind of the fault it met, or `desconectado` where the client left.
    """

    numero: int
    metodo: str
    ruta: str
    consulta: dict[str, str]
    cuerpo: str
    reloj: datetime
    inicio: datetime
    fin: datetime | None = None
    status: int | None = None
    filas: int | None = None
    resultado: str = "en_curso"

    def as_json(self) -> dict[str, Any]:
        """For the control API; times as ISO 8601."""
        fields = asdict(self)
        for name in ("reloj", "inicio", "fin"):
            instant: datetime | None = fields[name]
            fields[name] = None if instant is None else instant.isoformat()
        return fields
