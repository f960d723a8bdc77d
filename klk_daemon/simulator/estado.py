"""What a running simulator holds, shared by its connections and its control routes."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from klk_daemon.simulator.azar import azar
from klk_daemon.simulator.fallas import Fallas
from klk_daemon.simulator.latencia import Latencia
from klk_daemon.simulator.mundo import Mundo
from klk_daemon.simulator.peticion import Peticion, Registro

MOST_LOGGED = 10_000
_MOST_BODY_LOGGED = 4096


@dataclass(slots=True)
class Estado:
    """World, faults, latency, and the log of requests (the newest `MOST_LOGGED`)."""

    mundo: Mundo
    fallas: Fallas
    latencia: Latencia = field(default_factory=Latencia)
    peticiones: deque[Registro] = field(default_factory=lambda: deque(maxlen=MOST_LOGGED))
    conteo: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    rng: Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = azar(self.mundo.seed, "latencia")

    def begin(self, peticion: Peticion, reloj: datetime) -> Registro:
        """Puts a request into the log, under way."""
        self.conteo[peticion.ruta] += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        registro = Registro(
            numero=self.conteo.total(),
            metodo=peticion.metodo,
            ruta=peticion.ruta,
            consulta=peticion.consulta,
            cuerpo=peticion.cuerpo[:_MOST_BODY_LOGGED].decode(errors="replace"),
            reloj=reloj,
            inicio=datetime.now(UTC),
        )
        self.peticiones.append(registro)
        return registro

    def forget(self) -> None:
        """Empties the log, and what was counted."""
        self.peticiones.clear()
        self.conteo.clear()
        self.most_under_way = self.under_way

    def end(self, registro: Registro, resultado: str) -> None:
        """Notes how a request ended."""
        self.under_way -= 1
        registro.fin = datetime.now(UTC)
        registro.resultado = resultado
