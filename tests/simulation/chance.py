"""The dice: which troubles come, how long the daemon is down, how wrong its clock."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random

from klk_daemon.domain import Intervalo, Tienda
from klk_daemon.simulator import Falla, TipoFalla

from .answers import ARTICULOS, VENTAS
from .bench import NINGUNO, Apuros
from .troubles import Punto

F = TipoFalla
QUIET = 0.5
RUTAS = (None, None, VENTAS, ARTICULOS)
KINDS = (
    *(F.HTTP, F.HTTP, F.CUELGA, F.GOTEO, F.GOTEO_CABECERA, F.CORTE, F.TRUNCADO, F.JSON_CORTADO, F.HTML, F.ERROR),
    *(F.CUERPO_VACIO, F.CORTO, F.CORTO, F.FILAS_MALAS, F.REPETIDAS, F.REPETIDAS, F.ENORME, F.BOMBA_GZIP),
    *(F.REDIRECCION, F.SIN_FILAS, F.ENCOGIDO),
)
MORE: dict[TipoFalla, dict[str, object]] = {
    F.CUELGA: {"segundos": 5.0},
    F.GOTEO: {"trozo": 4096},
    F.GOTEO_CABECERA: {"trozo": 64},
    F.ENORME: {"megas": 3},
    F.BOMBA_GZIP: {"megas": 3},
}


def apuros(rng: Random, tiendas: Sequence[Tienda]) -> Apuros:
    """What strikes the next runs; half of the time nothing does."""
    luck = rng.random()
    if luck < QUIET:
        return NINGUNO
    if luck < 0.82:
        kinds = {_falla(rng, tiendas) for _ in range(rng.choice((1, 1, 2)))}
        return Apuros(fallas=tuple({f.tipo: f for f in sorted(kinds, key=str)}.values()))
    if luck < 0.91:
        corte = rng.choice(list(Punto)), rng.randint(1, 4)
        fallas = (_falla(rng, tiendas),) if rng.random() < 0.3 else ()
        return Apuros(fallas=fallas, corte=corte)
    if luck < 0.96:
        return Apuros(ocupada=(Punto.PREGUNTA, rng.choice((0, 1, 2))))
    return Apuros(ensayo=True)


def _falla(rng: Random, tiendas: Sequence[Tienda]) -> Falla:
    tipo = rng.choice(KINDS)
    whom: dict[str, object] = {}
    target = rng.randrange(3)
    if target == 0:
        whom["sucursal"] = rng.choice(tiendas).sucursal
    elif target == 1:
        whom["almacen"] = rng.choice(rng.choice(tiendas).almacenes)
    if target != 1:
        whom["ruta"] = rng.choice(RUTAS)
    more = dict(MORE.get(tipo, {}))
    if tipo is F.HTTP:
        more |= {"status": rng.choice((400, 404, 429, 500, 502, 503)), "retry_after": rng.choice(("", "0"))}
    if tipo in {F.CORTO, F.FILAS_MALAS, F.REPETIDAS, F.ENCOGIDO, F.TRUNCADO, F.JSON_CORTADO, F.CORTE}:
        more["parte"] = round(rng.uniform(0.05, 0.95), 2)
    if tipo is F.REPETIDAS:
        more["total"] = rng.choice(("crudas", "distintas"))
    veces = rng.choice((1, 1, 2, 3, None, None))
    return Falla(tipo, veces=veces, **whom, **more)  # type: ignore[arg-type]


def vaciado(rng: Random, tiendas: Sequence[Tienda]) -> Apuros:
    """A warehouse whose list is short for a while."""
    almacen = rng.choice(rng.choice(tiendas).almacenes)
    return Apuros(fallas=(Falla(F.ENCOGIDO, almacen=almacen, parte=0.3),))


def caida(rng: Random) -> timedelta:
    """How long the daemon is down: minutes to days."""
    return timedelta(minutes=rng.choice((20, 50, 50, 120, 120, 240, 240, 500, 500, 900, 1700, 4500)))


def desfase(rng: Random) -> timedelta:
    """How wrong the clock is."""
    return timedelta(minutes=rng.choice((-1, 1)) * rng.choice((7, 61, 180, 600, 1500)))


def rango(rng: Random, primero: datetime, now: datetime) -> Intervalo:
    """A range by hand, anywhere between the beginning and now."""
    minutos = max(2, int((now - primero).total_seconds() // 60))
    desde = now - timedelta(minutes=rng.randint(1, minutos))
    return Intervalo(desde, min(now, desde + timedelta(minutes=rng.randint(1, 2000))))


def lugar(rng: Random) -> tuple[str, date]:
    """Where and when: mostly the mission's stores, now and then a zone on the days when its clocks change."""
    return rng.choice(
        (
            *[("America/Caracas", date(2025, 11, 10))] * 5,
            ("Europe/Madrid", date(2025, 10, 24)),
            ("Europe/Madrid", date(2026, 3, 27)),
            ("America/Santiago", date(2025, 9, 5)),
            ("America/Santiago", date(2026, 4, 3)),
        )
    )
