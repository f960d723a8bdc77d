"""A seed's story: the stores' time goes by the cron, and at random everything happens that can."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from klk_daemon.domain import Intervalo, Job, Modo, Tienda
from klk_daemon.jobs.run import Trabajo
from klk_daemon.simulator import Mundo
from klk_daemon.warehouse.origen import Origen

from . import answers
from .bench import MIN_RATIO, NINGUNO, TIENDAS, Apuros, Banco, Corrida, banco
from .chance import apuros, caida, desfase, lugar, rango, vaciado
from .model import Modelo
from .truth import UN_DIA, Verdad, medianoche
from .violation import Violacion, exigir


@dataclass(frozen=True, slots=True)
class Escala:
    """How much of a life is simulated.

    Attributes:
        dias: at most so many days.
        corridas: about so many runs, the final ones apart.
        caidas: after how many of the runs the daemon is down for a while.
        lineas: lines of a store in a day.
    """

    dias: int
    corridas: int
    caidas: float
    lineas: int


RAPIDA = Escala(dias=6, corridas=17, caidas=0.45, lineas=70)
LARGA = Escala(dias=21, corridas=400, caidas=0.08, lineas=160)


@dataclass(slots=True)
class Cuento:
    """What a seed has come to: for the message of a failure, and for the soak's summary."""

    seed: int
    escala: Escala
    legado: Path | None = None
    pasos: list[str] = field(default_factory=list)
    lineas: int = 0
    corridas: int = 0
    fallidas: int = 0

    def anotar(self, c: Corrida) -> None:
        """Takes a run down."""
        self.corridas += 1
        self.fallidas += any(p.error is not None for p in c.partes.values())
        fin = {id_: p.error.error_tipo if p.error else "ok" for id_, p in sorted(c.partes.items())}
        desvio = f" clock {(c.now - c.t).total_seconds() / 3600:+.1f} h" if c.now != c.t else ""
        self.pasos.append(f"{c.t:%m-%dT%H:%M}Z {c.job}{desvio} {_dicho(c.apuros)}-> {fin}")


class SemillaFallida(AssertionError):
    """A seed that broke an invariant: how to see it again, what it broke, and the last steps before it."""

    def __init__(self, cuento: Cuento, violacion: BaseException) -> None:
        escala = "long" if cuento.escala == LARGA else "fast"
        pasos = "\n  ".join(cuento.pasos[-12:])
        super().__init__(
            f"seed {cuento.seed} ({escala}) broke: {violacion}\n"
            f"again: .venv/bin/python -m tests.simulation {cuento.seed} {escala}\nlast steps:\n  {pasos}"
        )
        self.seed = cuento.seed
        self.invariante = getattr(violacion, "invariante", f"{type(violacion).__name__}")


def simular(seed: int, escala: Escala = RAPIDA, origen: Origen | None = None, *, legado: Path | None = None) -> Cuento:
    """Lives a seed to its end, on a new database or on a copy of `legado`.

    Args:
        seed: everything random hangs on it.
        escala: how much of a life.
        origen: where the tables are to lie; a new file unless given.
        legado: a database of the older pipeline, taken over.

    Raises:
        SemillaFallida: an invariant does not hold.
    """
    cuento = Cuento(seed, escala, legado)
    with tempfile.TemporaryDirectory(prefix=f"klk-sim-{seed}-") as carpeta:
        try:
            asyncio.run(_vivir(cuento, Path(carpeta), origen))
        except Exception as e:
            raise SemillaFallida(cuento, e) from e
    return cuento


async def _vivir(cuento: Cuento, carpeta: Path, origen: Origen | None) -> None:
    rng = Random(cuento.seed)
    lento, breve = timedelta(hours=rng.randint(2, 9)), timedelta(minutes=45)
    zona, dia = lugar(rng)
    mundo = Mundo(
        seed=cuento.seed,
        tiendas=rng.choice((1, 2, 2, 2)),
        articulos=40,
        lineas_por_dia=cuento.escala.lineas,
        zona=zona,
        tardias=(0.2, rng.choice((breve, breve, lento))),
        anuladas=(0.05, timedelta(hours=rng.choice((1, 12, 30)))),
        corregidas=(0.05, timedelta(hours=rng.choice((1, 12, 30)))),
        rango_continuo=rng.random() < 0.25,
        lista_desnuda=rng.random() < 0.2,
    )
    inicio = mundo.dia(dia)[0].astimezone(UTC) + timedelta(hours=rng.randint(1, 20))
    async with banco(
        carpeta, mundo, max_catchup_days=rng.choice((31, 31, 2)), legado=cuento.legado, origen=origen
    ) as b:
        vida = _Vida(cuento, rng, b, Modelo(b, Verdad(mundo)), inicio)
        await vida.transcurrir()
        await vida.terminar()


@dataclass(slots=True)
class _Vida:
    cuento: Cuento
    rng: Random
    banco: Banco
    modelo: Modelo
    inicio: datetime
    tiendas: tuple[Tienda, ...] = ()
    desvio: timedelta = timedelta()
    apuros: Apuros = NINGUNO
    quedan: int = 0

    @property
    def todas(self) -> tuple[Tienda, ...]:
        """The world's stores."""
        return TIENDAS[: len(self.banco.mundo.tiendas)]

    async def transcurrir(self) -> None:
        """Time goes by, until the days or the runs are over."""
        rng, escala = self.rng, self.cuento.escala
        self.tiendas = self.todas
        caido_hasta = self.inicio
        for t, job in cron(self.banco.mundo, self.inicio, self.inicio + escala.dias * UN_DIA):
            if t < caido_hasta:
                continue
            if self.cuento.corridas >= escala.corridas:
                break
            self._azares()
            if caido_hasta > self.inicio and rng.random() < 0.15:  # by hand, before the daemon has caught up
                ahora = t - timedelta(minutes=2)
                await self._una(self.banco.ventas(rango(rng, self.inicio, ahora + self.desvio)), ahora)
            await self._correr(job, t)
            if rng.random() < 0.12:
                await self._a_mano(t + timedelta(minutes=1))
            if rng.random() < escala.caidas:
                caido_hasta = t + caida(rng)

    def _azares(self) -> None:
        """What changes between runs: the troubles, the clock, the stores."""
        rng = self.rng
        self.quedan -= 1
        if self.quedan <= 0:
            self.apuros, self.quedan = apuros(rng, self.todas), rng.choice((1, 1, 1, 2, 3))
        if self.desvio:
            self.desvio *= rng.random() < 0.5
        elif rng.random() < 0.06:
            self.desvio = desfase(rng)
        if rng.random() < 0.08:
            self.tiendas = self.todas if len(self.tiendas) < len(self.todas) else (rng.choice(self.todas),)

    async def _correr(self, job: Job, t: datetime) -> None:
        trabajos: dict[Job, Callable[[], Trabajo[Any]]] = {
            Job.INVENTARIO: self.banco.inventario,
            Job.VENTAS: self.banco.ventas,
            Job.CONCILIACION: self.banco.conciliacion,
        }
        await self._una(trabajos[job](), t)

    async def _a_mano(self, t: datetime) -> None:
        """What an operator does by hand, one of them."""
        rng, b, now = self.rng, self.banco, t + self.desvio
        que = rng.randrange(6)
        if que == 0:
            await self._una(b.ventas(rango(rng, self.inicio, now)), t)
        elif que == 1:
            await self._una(b.ventas(Intervalo(medianoche(now, b.mundo), now), Modo.COMPLETO), t)
        elif que in {2, 3}:
            hoy = now.astimezone(b.zona).date()
            desde = hoy - timedelta(days=rng.randint(1, 4))
            await self._una(b.conciliacion(answers.hasta_hoy(desde, hoy - UN_DIA)), t)
        elif que == 4:  # `--aceptar`, which a warehouse that was cleared out needs
            self.apuros = vaciado(rng, self.tiendas) if rng.random() < 0.7 else self.apuros
            await self._una(b.inventario(0), t)
        else:  # the same run twice over
            await self._una(b.ventas(), t)
            await self._una(b.ventas(), t)

    async def _una(self, trabajo: Trabajo[Any], t: datetime) -> Corrida:
        # Sales that are said to be fewer, with a total that agrees, are believed: conciliacion must not be told so.
        dichos = self.apuros.sin_mentiras() if trabajo.job is Job.CONCILIACION else self.apuros
        c = await self.banco.correr(trabajo, t, tiendas=self.tiendas, now=t + self.desvio, apuros=dichos)
        self.cuento.anotar(c)
        self.modelo.revisar(c)
        return c

    async def terminar(self) -> None:
        """Quiet days at last: one run of each job over all that was, and everything is equal to the API."""
        b, mundo = self.banco, self.banco.mundo
        self.apuros, self.desvio, self.tiendas = NINGUNO, timedelta(), self.todas
        ultima = max(self.inicio, self.modelo.ultima) + timedelta(hours=1)
        primera = min([self.inicio, *(i.desde for each in b.foto.cobertura.values() for i in each)])
        hoy = ultima.astimezone(b.zona).date() + UN_DIA
        t = mundo.dia(hoy)[0].astimezone(UTC) + timedelta(minutes=20)
        fechas = answers.hasta_hoy(primera.astimezone(b.zona).date(), hoy - UN_DIA)
        # A day on which more than half of what is held was annulled is refused, rightly: the operator insists.
        ratio = 0.0 if any(self._diezmado(tienda, f, t) for tienda in self.todas for f in fechas) else MIN_RATIO
        for trabajo in (b.ventas(), b.conciliacion(fechas, ratio), b.inventario(0)):
            c = await self._una(trabajo, t)
            exigir(all(p.error is None for p in c.partes.values()), "quiet runs succeed", self.cuento.pasos[-1])
        for tienda in self.todas:
            self._igual(tienda, primera, t)

    def _diezmado(self, tienda: Tienda, fecha: date, t: datetime) -> bool:
        hay = sum(v.fecha == str(fecha) for v in self.banco.foto.de(tienda.id).values())
        return len(self.modelo.verdad.mostradas(tienda.sucursal, fecha, t)) < hay * MIN_RATIO

    def _igual(self, tienda: Tienda, primera: datetime, t: datetime) -> None:
        mundo, hay = self.banco.mundo, self.banco.foto.de(tienda.id)
        fechas = answers.hasta_hoy(primera.astimezone(mundo.zona).date(), t.astimezone(mundo.zona).date())
        debe = {k: v for f in fechas for k, v in self.modelo.verdad.mostradas(tienda.sucursal, f, t).items()}
        oraculo = mundo.oraculo(tienda.sucursal, mundo.dia(fechas[0])[0], t, en=t)
        exigir(len(debe) == len(oraculo), "the oracle and the truth agree", (len(debe), len(oraculo)))
        exigir(debe.keys() <= hay.keys(), "at the end: nothing missing", (tienda.id, debe.keys() - hay.keys()))
        de_mas = hay.keys() - debe.keys()
        exigir(not de_mas, "at the end: nothing extra", (tienda.id, de_mas))
        usd = sum((v.usd for v in hay.values()), Decimal(0))
        debe_usd = sum((Decimal(str(r["financiero"][0]["venta_total_usd"])) for r in oraculo), Decimal(0))
        exigir(usd == debe_usd, "at the end: USD totals are equal", (tienda.id, usd, debe_usd))
        exigir(hay == debe, "at the end: every line is equal", tienda.id)
        for almacen in tienda.almacenes:
            stock = {k: float(v) for k, v in self.banco.foto.existencias(tienda.id)[almacen].items()}
            exigir(stock == mundo.existencias(almacen, t), "at the end: stock is equal", almacen)
        self.cuento.lineas += len(hay)


def cron(mundo: Mundo, desde: datetime, hasta: datetime) -> Iterator[tuple[datetime, Job]]:
    """The fires of the default schedule between two instants, in order."""
    t = desde.replace(minute=desde.minute // 5 * 5, second=0, microsecond=0)
    while t < hasta:
        reloj = t.astimezone(mundo.zona)
        if reloj.minute in {0, 30}:
            yield t, Job.INVENTARIO
        if reloj.minute in {5, 35}:
            yield t, Job.VENTAS
        if (reloj.hour, reloj.minute) == (3, 15):
            yield t, Job.CONCILIACION
        t += timedelta(minutes=5)


def _dicho(que: Apuros) -> str:
    parts = [f"{f.tipo}@{f.sucursal or f.almacen or 'all'}x{f.veces or '*'}" for f in que.fallas]
    parts += [f"{name}:{value[0]}#{value[1]}" for name in ("corte", "ocupada") if (value := getattr(que, name))]
    parts += ["dry-run"] if que.ensayo else []
    return f"[{' '.join(parts)}] " if parts else ""


__all__ = ["LARGA", "RAPIDA", "Cuento", "Escala", "SemillaFallida", "Violacion", "simular"]
