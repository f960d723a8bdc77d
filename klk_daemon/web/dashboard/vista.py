"""Pages and their parts, rendered: values in, HTML out.

What a part says depends on the state alone, not on the moment it is rendered at: ages and countdowns are filled in by
the page's script. So a part that has not changed is the same text, and is left alone in the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from klk_daemon.domain import Job
from klk_daemon.warehouse.panel import MEDIAS_HORAS, Dia
from klk_daemon.web.dashboard import recursos
from klk_daemon.web.dashboard.graficos import Grafico, contra, grafico, rango
from klk_daemon.web.dashboard.panel import CORRIDAS, Celda, Corrida, DetalleCorrida, Panel, Tienda
from klk_daemon.web.dashboard.respuesta import respuesta
from klk_daemon.web.dashboard.textos import EN, ES, Textos
from klk_daemon.windows import instante

if TYPE_CHECKING:
    from jinja2 import Environment

# Page to its parts, in their order.
PARTES: Mapping[str, Sequence[str]] = {
    "inicio": ("respuesta", "progreso", "trabajos", "tiendas", "ventas", "existencias", "calidad", "pie"),
    "tienda": ("respuesta", "progreso", "tienda", "ventas", "existencias", "corridas", "revisar", "pie"),
    "corrida": ("corrida", "bitacora", "pie"),
}
MOSTRADAS = 16


@dataclass(frozen=True, slots=True)
class Ventas:
    """A store's sales as they are shown; `contra` is the share by which today differs from a week ago."""

    titulo: str
    id: str | None
    hoy: Dia
    antes: Dia
    grafico: Grafico
    contra: float | None


@dataclass(frozen=True, slots=True)
class Vista:
    """A page for one reader: everything that its templates ask for.

    Attributes:
        pagina: a key of `PARTES`.
        ruta: its path.
        panel: the state.
        t: the language.
        sesion: whether the reader may use the buttons.
        tienda: the store that it is about.
        detalle: the run that it is about.
    """

    pagina: str
    ruta: str
    panel: Panel
    t: Textos
    sesion: bool
    tienda: Tienda | None = None
    detalle: DetalleCorrida | None = None

    def render(self) -> str:
        """The whole page."""
        return self._render(self.pagina)

    def partes(self) -> dict[str, str]:
        """Part to HTML."""
        return {parte: self._render(f"_{parte}") for parte in PARTES[self.pagina]}

    def _render(self, nombre: str) -> str:
        return _entorno().get_template(f"{nombre}.html").render(v=self, t=self.t, panel=self.panel)

    @property
    def idioma(self) -> str:
        """`es` or `en`."""
        return self.t.idioma

    @property
    def otro_idioma(self) -> str:
        """This page in the other language."""
        return f"{self.ruta}?lang=en" if self.idioma == ES else self.ruta

    @property
    def edicion(self) -> str:
        """Which files and templates the page was made of."""
        return recursos.edicion()

    @property
    def respuesta(self) -> Any:
        """The answer that stands first."""
        return respuesta(self.panel, self.t, [self.tienda] if self.tienda else None)

    @property
    def elegidas(self) -> Sequence[Tienda]:
        """The stores that the page is about."""
        return [self.tienda] if self.tienda else self.panel.tiendas

    @property
    def total(self) -> Ventas:
        """The sales of all stores together."""
        marcas = [t.marca for t in self.panel.tiendas if t.marca is not None]
        hoy, antes = (
            _suma(dias) for dias in zip(*((t.hoy, t.hace_una_semana) for t in self.panel.tiendas), strict=True)
        )
        titulo = self.t("total_tiendas", n=len(self.panel.tiendas))
        return self._ventas(titulo, None, hoy, antes, min(marcas, default=None))

    def ventas(self, tienda: Tienda) -> Ventas:
        """A store's sales."""
        return self._ventas(tienda.nombre, tienda.id, tienda.hoy, tienda.hace_una_semana, tienda.marca)

    def _ventas(self, titulo: str, id_: str | None, hoy: Dia, antes: Dia, marca: datetime | None) -> Ventas:
        ahora = self.panel.leido or self.panel.ahora
        de_hoy = marca if marca is not None and marca.date() == ahora.date() else None
        return Ventas(titulo, id_, hoy, antes, grafico(hoy, antes, ahora, self._rango), contra(hoy, antes, de_hoy))

    @property
    def _rango(self) -> tuple[int, int]:
        """The hours of all charts: those in which the stores together sell."""
        return rango([dia for t in self.panel.tiendas for dia in (t.hoy, t.hace_una_semana)])

    def corridas_de(self, tienda: Tienda) -> Sequence[Corrida]:
        """The newest runs that a store took part in, newest first."""
        todas = [c for trabajo in self.panel.trabajos for c in trabajo.corridas]
        propias = [c for c in todas if any(p.tienda == tienda.id for p in c.partes)]
        return sorted(propias, key=lambda c: c.inicio, reverse=True)[:MOSTRADAS]

    def nombre(self, id_: str) -> str:
        """A store's name; its id where it is configured no more."""
        tienda = self.panel.tienda(id_)
        return tienda.nombre if tienda else id_

    def nombres(self, ids: Sequence[str]) -> str:
        """Stores' names, as a list in words."""
        return self.t.lista([self.nombre(id_) for id_ in ids])

    def vacias(self, corridas: Sequence[Corrida]) -> range:
        """The cells of a strip that have no run yet."""
        return range(CORRIDAS - len(corridas))

    def lectura(self, corrida: Corrida) -> str:
        """A run's figures, in one line."""
        t = self.t
        partes = [
            t(
                "lectura",
                cuando=t.momento(corrida.inicio, self.panel.ahora),
                estado=t.nombre(corrida.estado, "corrida_"),
                extraidos=t.numero(corrida.extraidos),
                cargados=t.numero(corrida.cargados),
                duracion=t.numero(corrida.duracion_s, 1),
            )
        ]
        if corrida.eliminados:
            partes.append(t("lectura_eliminadas", n=t.numero(corrida.eliminados)))
        if corrida.rechazados:
            partes.append(t("lectura_apartadas", n=t.numero(corrida.rechazados)))
        if corrida.fallidas:
            partes.append(t("lectura_falla", tiendas=self.nombres([p.tienda for p in corrida.fallidas])))
        return " · ".join(partes)

    def estado(self, celda: Celda) -> str:
        """A cell's state: `fallido` before `atrasado` before `exitoso`."""
        if celda.estado == "fallido":
            return "fallido"
        if celda.atrasado:
            return "atrasado" if celda.estado else "sin_dato"
        return "exitoso" if celda.exito else "sin_dato"

    def momento(self, momento: datetime | None) -> str:
        """When, for a person."""
        return self.t.momento(momento, self.panel.ahora)

    def epoca(self, momento: datetime) -> int:
        """The instant, in seconds since 1970, for the script."""
        return int(instante(momento, self.panel.zona).timestamp())

    def iso(self, momento: datetime) -> str:
        """The instant, for programs."""
        return momento.replace(tzinfo=self.panel.zona, microsecond=0).isoformat()

    def enlace(self, ruta: str) -> str:
        """A link that keeps the language."""
        return f"{ruta}?lang=en" if self.idioma == EN else ruta

    def recurso(self, nombre: str) -> str:
        """Where a file of `static/` is."""
        return recursos.recursos()[nombre].ruta

    @property
    def jobs(self) -> Sequence[Job]:
        """All jobs."""
        return list(Job)


def _suma(dias: Sequence[Dia]) -> Dia:
    usd = tuple(sum(dia.usd[n] for dia in dias) for n in range(MEDIAS_HORAS))
    return Dia(usd, sum(dia.facturas for dia in dias))


@cache
def _entorno() -> "Environment":
    """Jinja2, loaded when the first page is asked for."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def aviso(t: Textos, titulo: str, texto: str) -> str:
    """A page that only says something."""
    enlace = "/?lang=en" if t.idioma == EN else "/"
    return (
        _entorno()
        .get_template("aviso.html")
        .render(t=t, titulo=titulo, texto=texto, inicio=enlace, css=recursos.recursos()["tablero.css"].ruta)
    )
