"""What the dashboard says, in one language: phrases, numbers, times."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from klk_daemon.web.dashboard.frases import FRASES

ES, EN = "es", "en"
IDIOMAS = (ES, EN)

MESES = {
    ES: ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
    EN: ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
DIAS = {
    ES: ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    EN: ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
Y = {ES: "y", EN: "and"}


@dataclass(frozen=True, slots=True)
class Textos:
    """One language's words, numbers and times."""

    idioma: str

    @property
    def claves(self) -> Collection[str]:
        """What there is a phrase for."""
        return FRASES.keys()

    def __call__(self, clave: str, **valores: object) -> str:
        """A phrase, filled in."""
        return FRASES[clave][IDIOMAS.index(self.idioma)].format(**valores)

    def nombre(self, clave: str, prefijo: str = "") -> str:
        """The word for a value of the database; the value itself where an older pipeline wrote another one."""
        return self(prefijo + clave) if prefijo + clave in FRASES else clave

    def numero(self, valor: float, decimales: int = 0) -> str:
        """`1.234,5` in Spanish, `1,234.5` in English."""
        texto = f"{valor:,.{decimales}f}"
        return texto if self.idioma == EN else texto.translate(str.maketrans(",.", ".,"))

    def lista(self, palabras: list[str]) -> str:
        """`a, b y c`."""
        if len(palabras) < 2:  # noqa: PLR2004 - nothing to join
            return "".join(palabras)
        return f"{', '.join(palabras[:-1])} {Y[self.idioma]} {palabras[-1]}"

    def dia(self, fecha: date) -> str:
        """`17 nov`."""
        return f"{fecha.day} {MESES[self.idioma][fecha.month - 1]}"

    def dia_semana(self, fecha: date) -> str:
        """`lunes 17 nov`."""
        return f"{DIAS[self.idioma][fecha.weekday()]} {self.dia(fecha)}"

    def momento(self, momento: datetime | None, ahora: datetime) -> str:
        """The time of day; with the day where it is not today."""
        if momento is None:
            return self("nunca")
        hora = f"{momento:%H:%M}"
        if momento.date() == ahora.date():
            return hora
        if momento.date() == ahora.date() - timedelta(days=1):
            return self("ayer", hora=hora)
        return f"{self.dia(momento)} {hora}"

    def desde(self, momento: datetime, ahora: datetime) -> str:
        """`desde las 13:35`, `desde ayer a las 13:35`."""
        hora = f"{momento:%H:%M}"
        if momento.date() == ahora.date():
            return self("desde_hoy", hora=hora)
        if momento.date() == ahora.date() - timedelta(days=1):
            return self("desde_ayer", hora=hora)
        return self("desde_dia", dia=self.dia(momento), hora=hora)
