"""Which message a channel gets next, and what became of it.

A delivery is claimed, sent, then marked. A process that dies between sending and marking leaves it claimed, and it is
sent once more: in that window alone a channel may get a message twice, and in none is one lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from klk_daemon.alerts.channels import Envio
from klk_daemon.alerts.store import Store

# Between the attempts; then every half hour, for a day.
BACKOFF = (
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=30),
)
GIVE_UP = timedelta(hours=24)
# A channel that says no is asked again in case somebody is putting it right, but not all day.
REFUSALS = 3


@dataclass(frozen=True, slots=True)
class Entrega:
    """A message on its way to a channel."""

    mensaje: int
    canal: str
    familia: str
    tipo: str
    nivel: str
    titulo: str
    cuerpo: str
    intentos: int
    creado: datetime


class Deliveries:
    """The deliveries in `store`. All times are UTC."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def recover(self) -> int:
        """Gives back what a process that died had claimed; call it as the only sender. How many there were."""
        with self._store.transaction() as con:
            return con.execute("UPDATE entregas SET estado = 'pendiente' WHERE estado = 'enviando'").rowcount

    def waiting(self, canales: Sequence[str]) -> bool:
        """Whether there is anything to send to these channels, or to give back."""
        marks = ", ".join("?" * len(canales))
        with self._store.transaction() as con:
            return (
                con.execute(
                    f"SELECT 1 FROM entregas WHERE estado IN ('pendiente', 'enviando') AND canal IN ({marks}) LIMIT 1",  # noqa: S608 - question marks
                    list(canales),
                ).fetchone()
                is not None
            )

    def claim(self, canal: str, now: datetime, *, at_once: bool) -> Entrega | None:
        """The oldest message that waits for a channel; those behind it wait for their turn, so that order is kept.

        Args:
            canal: its id.
            now: the instant.
            at_once: do not wait for the time of the next attempt: this process ends soon.
        """
        with self._store.transaction() as con:
            row = con.execute(
                "SELECT e.*, m.familia, m.tipo, m.nivel, m.titulo, m.cuerpo, m.creado FROM entregas AS e"
                " JOIN mensajes AS m ON m.id = e.mensaje WHERE e.canal = ? AND e.estado = 'pendiente'"
                " ORDER BY e.mensaje LIMIT 1",
                [canal],
            ).fetchone()
            if row is None or (not at_once and datetime.fromisoformat(row["proximo"]) > now):
                return None
            con.execute(
                "UPDATE entregas SET estado = 'enviando', intentos = intentos + 1, cambio = ?"
                " WHERE mensaje = ? AND canal = ?",
                [now.isoformat(), row["mensaje"], canal],
            )
        return Entrega(
            mensaje=row["mensaje"],
            canal=canal,
            familia=row["familia"],
            tipo=row["tipo"],
            nivel=row["nivel"],
            titulo=row["titulo"],
            cuerpo=row["cuerpo"],
            intentos=row["intentos"] + 1,
            creado=datetime.fromisoformat(row["creado"]),
        )

    def mark(self, entrega: Entrega, envio: Envio, now: datetime) -> bool:
        """Notes what became of an attempt. Returns whether there will be another."""
        refused = envio.permanente and entrega.intentos >= REFUSALS
        again = not envio.tomado and not refused and now - entrega.creado < GIVE_UP
        estado = "enviada" if envio.tomado else "pendiente" if again else "abandonada"
        wait = BACKOFF[min(entrega.intentos, len(BACKOFF)) - 1]
        with self._store.transaction() as con:
            con.execute(
                "UPDATE entregas SET estado = ?, proximo = ?, cambio = ?, error = ?"
                " WHERE mensaje = ? AND canal = ? AND estado <> 'enviada'",
                [
                    estado,
                    (now + wait).isoformat(),
                    now.isoformat(),
                    envio.error or None,
                    entrega.mensaje,
                    entrega.canal,
                ],
            )
        return again
