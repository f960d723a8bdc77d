"""Runs, outages, ranges by hand and wrong clocks in any order: no sale stays unread."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from klk_daemon.domain import Intervalo
from klk_daemon.windows import Plan, avanzar, dia, huecos, local, planificar, unir, ventanas

OVERLAP = timedelta(minutes=60)
MAX_DIAS = 5


class Lecturas(RuleBasedStateMachine):
    """A store whose readings are committed as the warehouse does it, window by window."""

    zona = ZoneInfo("America/Caracas")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2025, 11, 17, 16, 5, tzinfo=UTC)
        self.marca: datetime | None = None
        self.cobertura: list[Intervalo] = []
        self.leido: list[Intervalo] = []  # the truth: what was read while it had been sold
        self.primera: datetime | None = None
        self.desfase = timedelta()  # how far the machine's clock runs ahead

    @property
    def reloj(self) -> datetime:
        """What the machine's clock shows."""
        return self.now + self.desfase

    def plan(self) -> Plan:
        """What a run would read."""
        return planificar(
            marca=self.marca,
            ultima_venta=None,
            cobertura=self.cobertura,
            now=self.reloj,
            zona=self.zona,
            overlap=OVERLAP,
            first_run_days=1,
            max_catchup_days=MAX_DIAS,
        )

    def confirmar(self, leido: Intervalo, piso: datetime | None) -> None:
        """What the transaction of one window does (warehouse/cobertura.py)."""
        self.marca = avanzar(self.marca, leido, piso)
        self.cobertura = unir(Intervalo(i.desde, min(i.hasta, self.reloj)) for i in [*self.cobertura, leido])
        real = Intervalo(leido.desde, min(leido.hasta, self.now))
        if real.desde < real.hasta:
            self.leido = unir([*self.leido, real])

    @rule(minutos=st.integers(1, 60 * 24 * 4))
    def pasa_el_tiempo(self, minutos: int) -> None:
        """Nothing runs for a while."""
        self.now += timedelta(minutes=minutos)

    @rule(falla_en=st.none() | st.integers(0, 6))
    def corrida(self, falla_en: int | None) -> None:
        """A run; the request of that number fails, and with it what would have followed."""
        p = self.plan()
        for n, v in enumerate([v for i in p.intervalos for v in ventanas(i, self.zona)]):
            if n == falla_en:
                return
            assert v.intervalo.hasta <= self.reloj
            if self.primera is None and not self.desfase:
                self.primera = v.intervalo.desde
            antes = self.marca
            self.confirmar(v.intervalo, p.piso)
            assert antes is None or (self.marca is not None and self.marca >= antes)

    @rule(desde_h=st.integers(1, 100), largo_h=st.integers(1, 50))
    def a_mano(self, desde_h: int, largo_h: int) -> None:
        """A range by hand: coverage, and a watermark only where it reaches it."""
        desde = self.reloj - timedelta(hours=desde_h)
        intervalo = Intervalo(desde, min(self.reloj, desde + timedelta(hours=largo_h)))
        for v in ventanas(intervalo, self.zona):
            self.confirmar(v.intervalo, None)

    @precondition(lambda self: not self.desfase)
    @rule(horas=st.integers(1, 30))
    def el_reloj_se_adelanta(self, horas: int) -> None:
        """The machine's clock is wrong, runs once, and is put right again with a run."""
        self.desfase = timedelta(hours=horas)
        self.corrida(None)
        self.desfase = timedelta()
        self.corrida(None)

    @invariant()
    def una_corrida_buena_no_deja_huecos(self) -> None:
        """After a run without a fault all is read, from the limit (or the first reading) to now.

        A store's first run reads its own window only; a gap before it, behind a range by hand, is the second's.
        """
        marca, cobertura, leido = self.marca, self.cobertura, self.leido
        for _ in range(1 if marca is not None else 2):
            p = self.plan()
            for v in [v for i in p.intervalos for v in ventanas(i, self.zona)]:
                self.confirmar(v.intervalo, p.piso)
        hoy = local(self.now, self.zona).date()
        limite = dia(hoy - timedelta(days=MAX_DIAS), self.zona).desde
        desde = max(limite, self.primera) if self.primera is not None else p.intervalos[-1].desde
        assert not [h for h in huecos(self.leido, self.now) if h.hasta > limite]
        assert any(i.desde <= desde and i.hasta >= self.now for i in self.leido) or desde >= self.now
        assert self.marca is not None
        assert self.marca >= self.now
        assert all(i.hasta <= self.now for i in self.cobertura)
        self.marca, self.cobertura, self.leido = marca, cobertura, leido


class LecturasEnMadrid(Lecturas):
    """The same where the clock changes."""

    zona = ZoneInfo("Europe/Madrid")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2024, 10, 24, 16, 5, tzinfo=UTC)


TestLecturas = Lecturas.TestCase
TestLecturas.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestLecturasEnMadrid = LecturasEnMadrid.TestCase
TestLecturasEnMadrid.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
