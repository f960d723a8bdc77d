"""The ways in which the server can be made to fail, and who switches them on and off."""

import threading
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Literal

from klk_daemon.simulator.api import Alcance
from klk_daemon.simulator.azar import azar


class TipoFalla(StrEnum):
    """What goes wrong. In parentheses the fields of `Falla` that matter."""

    HTTP = "http"  # an error status with an HTML page (`status`, `retry_after`)
    CUELGA = "cuelga"  # no answer for `segundos` (default an hour), then the connection is closed
    GOTEO = "goteo"  # the body comes `trozo` bytes at a time, one every `segundos` (default 0.2)
    GOTEO_CABECERA = "goteo_cabecera"  # the same from the first byte of the header on
    CORTE = "corte"  # TCP reset, after `parte` of the body (default 0: before the header)
    TRUNCADO = "truncado"  # Content-Length promises all, `parte` of the body comes (default half)
    JSON_CORTADO = "json_cortado"  # `parte` of the body under a Content-Length that agrees (default half)
    HTML = "html"  # a page with status 200
    ERROR = "error"  # {"error": `mensaje`} with status 200
    CUERPO_VACIO = "cuerpo_vacio"  # status 200, no body
    SIN_FILAS = "sin_filas"  # an empty list whose total agrees
    ENCOGIDO = "encogido"  # the first `parte` of the rows, and a total that agrees (default a tenth)
    CORTO = "corto"  # the first `parte` of the rows, and the total of all (default half)
    FILAS_MALAS = "filas_malas"  # `parte` of the rows is damaged (`campo`, `dano`; default a tenth)
    REPETIDAS = "repetidas"  # `parte` of the rows comes twice (`total`; default a tenth)
    ENORME = "enorme"  # the body is followed by `megas` MB of white space (default 80)
    BOMBA_GZIP = "bomba_gzip"  # `megas` MB of white space, gzipped to about a thousandth (default 300)
    REDIRECCION = "redireccion"  # status 302 to `destino`


_PARTE = {
    TipoFalla.CORTE: 0.0,
    TipoFalla.TRUNCADO: 0.5,
    TipoFalla.JSON_CORTADO: 0.5,
    TipoFalla.CORTO: 0.5,
}
_SEGUNDOS = {TipoFalla.CUELGA: 3600.0}
_MEGAS = {TipoFalla.BOMBA_GZIP: 300}

Dano = Literal["falta", "nulo", "texto", "nan", "absurdo"]


@dataclass(frozen=True, slots=True)
class Falla:
    """A fault: what (`tipo`), for whom, and how often.

    Attributes:
        sucursal: only requests about this store, or about a warehouse of it.
        almacen: only requests that name this warehouse.
        ruta: only this path (`/ventas`).
        veces: how many requests it meets; None until it is taken away.
        probabilidad: the share of requests that it meets, drawn from the world's seed.
        parte: a share, 0 to 1; None: the kind's default.
        segundos: a time; None: the kind's default.
        trozo: bytes that drip at a time.
        status: HTTP status of `http`.
        retry_after: value of its Retry-After header: seconds or an HTTP date.
        mensaje: text of `error`.
        campo: which required field `filas_malas` damages, by its name on the wire; "" all in turn.
        dano: how; "" in every way in turn.
        total: whether the total of `repetidas` counts every row or the different ones.
        megas: size of `enorme` and `bomba_gzip`; None: the kind's default.
        destino: where `redireccion` leads.
        id: given by `Fallas.poner`.

    Raises:
        ValueError: a value that makes no sense.
    """

    tipo: TipoFalla
    sucursal: str | None = None
    almacen: str | None = None
    ruta: str | None = None
    veces: int | None = None
    probabilidad: float = 1.0
    parte: float | None = None
    segundos: float | None = None
    trozo: int = 64
    status: int = 503
    retry_after: str = ""
    mensaje: str = "Error interno del servidor"
    campo: str = ""
    dano: Dano | Literal[""] = ""
    total: Literal["crudas", "distintas"] = "crudas"
    megas: int | None = None
    destino: str = "/"
    id: int = 0

    def __post_init__(self) -> None:
        # The control API hands over what came as JSON: texts become kinds here, and nonsense stops here.
        object.__setattr__(self, "tipo", TipoFalla(self.tipo))
        defaults: tuple[tuple[str, float], ...] = (
            ("parte", _PARTE.get(self.tipo, 0.1)),
            ("segundos", _SEGUNDOS.get(self.tipo, 0.2)),
            ("megas", _MEGAS.get(self.tipo, 80)),
        )
        for name, default in defaults:
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        checks = (
            ("parte", 0 <= self.share <= 1),
            ("segundos", 0 <= self.seconds <= 86_400),  # noqa: PLR2004 - a day
            ("megas", 1 <= (self.megas or 0) <= 2048),  # noqa: PLR2004 - 2 GB
            ("probabilidad", 0 <= self.probabilidad <= 1),
            ("veces", self.veces is None or self.veces >= 1),
            ("trozo", self.trozo >= 1),
            ("status", 400 <= self.status <= 599),  # noqa: PLR2004 - HTTP's error statuses
            ("dano", self.dano in {"", "falta", "nulo", "texto", "nan", "absurdo"}),
            ("total", self.total in {"crudas", "distintas"}),
            ("retry_after", self.retry_after.isprintable()),
            ("destino", self.destino.isprintable()),
        )
        for name, sound in checks:
            if not sound:
                raise ValueError(f"{name}: {getattr(self, name)!r} makes no sense for {self.tipo}")

    @property
    def share(self) -> float:
        """`parte`, settled."""
        return self.parte or 0.0

    @property
    def seconds(self) -> float:
        """`segundos`, settled."""
        return self.segundos or 0.0

    def meets(self, ruta: str, alcance: Alcance) -> bool:
        """Whether a request to `ruta` about `alcance` is one of those it is meant for."""
        return (
            self.ruta in {None, ruta}
            and (self.sucursal is None or self.sucursal in alcance.sucursales)
            and (self.almacen is None or self.almacen in alcance.almacenes)
        )

    def as_json(self) -> dict[str, Any]:
        """All fields, for the control API."""
        return asdict(self)


class Fallas:
    """The faults that are switched on. May be used from any thread."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._rng = azar(seed, "fallas")
        self._on: dict[int, Falla] = {}
        self._left: dict[int, int] = {}
        self._last_id = 0

    def poner(self, falla: Falla) -> Falla:
        """Switches a fault on; answers it with its `id`."""
        with self._lock:
            self._last_id += 1
            falla = replace(falla, id=self._last_id)
            self._on[falla.id] = falla
            if falla.veces is not None:
                self._left[falla.id] = falla.veces
            return falla

    def quitar(self, falla_id: int | None = None) -> int:
        """Switches one off, or all. Answers how many were on."""
        with self._lock:
            gone = [each for each in self._on if falla_id in {None, each}]
            for each in gone:
                del self._on[each]
                self._left.pop(each, None)
            return len(gone)

    def todas(self) -> list[Falla]:
        """Those that are on; `veces` is what is left of it."""
        with self._lock:
            return [replace(falla, veces=self._left.get(each)) for each, falla in self._on.items()]

    def elegir(self, ruta: str, alcance: Alcance) -> Falla | None:
        """The fault that a request meets: the first that was switched on for it; counts it."""
        with self._lock:
            for falla in self._on.values():
                if not falla.meets(ruta, alcance) or self._rng.random() >= falla.probabilidad:
                    continue
                if falla.id in self._left:
                    self._left[falla.id] -= 1
                    if not self._left[falla.id]:
                        del self._on[falla.id], self._left[falla.id]
                return falla
            return None
