"""What begins and ends is recorded, with the messages that tell of it, in one transaction, before anything is sent."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from klk_daemon.alerts.causa import Abierta, Causa, absorbed
from klk_daemon.alerts.rules import Evaluacion
from klk_daemon.alerts.store import Store
from klk_daemon.alerts.telling import PER_HOUR, Mensaje, Nivel, Que, Suceso, Tipo, messages
from klk_daemon.alerts.texts import Redactor, Texto
from klk_daemon.domain import Job

KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Cambios:
    """What an evaluation has changed: causes that began, and those that ended with how (`resuelta`, `absorbida`…)."""

    abiertas: tuple[Causa, ...] = ()
    cerradas: tuple[tuple[Causa, str], ...] = ()


class Outbox:
    """The causes that are open, and the messages. All times are UTC.

    Args:
        store: the file.
        canales: the ids of the configured channels.
        redactor: writes the messages.
    """

    def __init__(self, store: Store, canales: Sequence[str], redactor: Redactor) -> None:
        self._store = store
        self._canales = canales
        self._redactor = redactor

    def update(
        self,
        evaluate: Callable[[Sequence[Abierta]], Evaluacion],
        now: datetime,
        *,
        quiet: bool,
        pausados: Collection[Job] = (),
    ) -> Cambios:
        """Takes in what holds now: opens, closes, and writes what is to be told of it.

        Args:
            evaluate: says what holds, given the causes that are open.
            now: the instant.
            quiet: whether people are to be left alone: then it is only noted.
            pausados: jobs that are not looked at: a cause of theirs has not ended, it is left alone.
        """
        with self._store.transaction() as con:
            before = _open(con)
            evaluacion = evaluate([Abierta(causa, abierta) for _, causa, abierta in before])
            changes = _transitions(con, before, evaluacion, now, quiet=quiet, pausados=pausados)
            if not quiet:
                self._tell(con, now)
            self._reach_new_channels(con, now)
            _forget(con, now)
        return changes

    def write_summary(self, fecha: date, texto: Texto, now: datetime) -> None:
        """The summary of a day; writing it twice sends it once."""
        with self._store.transaction() as con:
            if con.execute("INSERT OR IGNORE INTO resumenes VALUES (?)", [str(fecha)]).rowcount:
                self._write(con, Mensaje(texto, Tipo.RESUMEN, Nivel.DATO, "resumen"), self._canales, now)

    def summarised(self, fecha: date) -> bool:
        """Whether the summary of a day was written."""
        with self._store.transaction() as con:
            return con.execute("SELECT 1 FROM resumenes WHERE fecha = ?", [str(fecha)]).fetchone() is not None

    def open_causes(self) -> list[Causa]:
        """The causes that hold, oldest first."""
        with self._store.transaction() as con:
            return [causa for _, causa, _ in _open(con)]

    def _tell(self, con: sqlite3.Connection, now: datetime) -> None:
        sucesos = _untold(con)
        (lately,) = con.execute(
            "SELECT count(*) FROM mensajes WHERE creado > ? AND tipo IN ('alerta', 'resuelto', 'reunidos')",
            [_text(now - timedelta(hours=1))],
        ).fetchone()
        written = messages(sucesos, room=PER_HOUR - lately, redactor=self._redactor, now=now)
        for mensaje in written:
            self._write(con, mensaje, self._for(con, mensaje), now)
        told = {s.id for mensaje in written for s in mensaje.sucesos}
        con.executemany("UPDATE causas SET retenida = 1 WHERE id = ?", [[s.id] for s in sucesos if s.id not in told])

    def _for(self, con: sqlite3.Connection, mensaje: Mensaje) -> Sequence[str]:
        """The channels of a message. An end is told to those that heard of the beginning, or were about to.

        Where that was not sent yet, the end tells the whole story, and takes its place.
        """
        (suceso,) = mensaje.sucesos if len(mensaje.sucesos) == 1 else (None,)
        if suceso is None or suceso.que is not Que.TERMINO:
            return self._canales
        rows = con.execute("SELECT canal FROM entregas WHERE mensaje = ? AND estado <> 'abandonada'", [suceso.mensaje])
        told = {row["canal"] for row in rows}
        _cancel(con, suceso.mensaje)
        return [canal for canal in self._canales if canal in told]

    def _write(self, con: sqlite3.Connection, mensaje: Mensaje, canales: Sequence[str], now: datetime) -> None:
        id_ = con.execute(
            "INSERT INTO mensajes (creado, tipo, familia, nivel, titulo, cuerpo) VALUES (?, ?, ?, ?, ?, ?)",
            [_text(now), mensaje.tipo, mensaje.familia, mensaje.nivel, mensaje.texto.titulo, mensaje.texto.cuerpo],
        ).lastrowid
        con.executemany(
            "INSERT INTO entregas (mensaje, canal, estado, proximo, cambio) VALUES (?, ?, 'pendiente', ?, ?)",
            [[id_, canal, _text(now), _text(now)] for canal in canales],
        )
        for suceso in mensaje.sucesos:
            con.execute(
                "UPDATE causas SET mensaje = COALESCE(mensaje, ?), contada = ?, callada = 0, retenida = 0 WHERE id = ?",
                [id_, suceso.que is not Que.EMPEZO, suceso.id],
            )

    def _reach_new_channels(self, con: sqlite3.Connection, now: datetime) -> None:
        """What holds is told to a channel that was added, or put right, since."""
        for canal in self._canales:
            con.execute(
                "INSERT OR IGNORE INTO entregas (mensaje, canal, estado, proximo, cambio)"
                " SELECT DISTINCT mensaje, ?, 'pendiente', ?, ? FROM causas"
                " WHERE cerrada IS NULL AND mensaje IS NOT NULL",
                [canal, _text(now), _text(now)],
            )


def _open(con: sqlite3.Connection) -> list[tuple[int, Causa, datetime]]:
    rows = con.execute("SELECT id, causa, abierta FROM causas WHERE cerrada IS NULL ORDER BY id").fetchall()
    return [(row["id"], Causa.load(row["causa"]), datetime.fromisoformat(row["abierta"])) for row in rows]


def _transitions(
    con: sqlite3.Connection,
    before: Sequence[tuple[int, Causa, datetime]],
    evaluacion: Evaluacion,
    now: datetime,
    *,
    quiet: bool,
    pausados: Collection[Job],
) -> Cambios:
    holding = {c.clave: c for c in evaluacion.causas}
    ids = {causa.clave: (id_, causa) for id_, causa, _ in before}
    closed = []
    for clave, (id_, causa) in ids.items():
        if clave in holding or causa.familia not in evaluacion.conocidas:
            continue
        fin = "resuelta"
        if absorbed(causa, holding.values()):
            fin = "absorbida"
        elif causa.jobs and set(causa.jobs) <= set(pausados):
            fin = "pausada"
        closed.append((causa, fin))
        con.execute(
            "UPDATE causas SET cerrada = ?, fin = ?, contada = ?, callada = max(callada, ?) WHERE id = ?",
            [_text(now), fin, fin == "absorbida", quiet, id_],
        )
        if fin == "absorbida":
            (mensaje,) = con.execute("SELECT mensaje FROM causas WHERE id = ?", [id_]).fetchone()
            _cancel(con, mensaje)
    opened = [causa for clave, causa in holding.items() if clave not in ids]
    for causa in opened:
        con.execute(
            "INSERT INTO causas (clave, causa, abierta, callada) VALUES (?, ?, ?, ?)",
            [causa.clave, causa.dump(), _text(now), quiet],
        )
    for clave, (id_, was) in ids.items():
        if clave in holding:  # it goes on: since when stays what people were told
            con.execute("UPDATE causas SET causa = ? WHERE id = ?", [was.grown(holding[clave]).dump(), id_])
    return Cambios(tuple(opened), tuple(closed))


def _untold(con: sqlite3.Connection) -> list[Suceso]:
    """What has begun or ended and was not told, oldest first."""
    rows = con.execute(
        "SELECT * FROM causas WHERE (cerrada IS NULL AND mensaje IS NULL) OR (cerrada IS NOT NULL AND NOT contada)"
        " ORDER BY COALESCE(cerrada, abierta), id"
    ).fetchall()
    return [
        Suceso(
            id=row["id"],
            que=Que.EMPEZO if row["cerrada"] is None else Que.PASO if row["mensaje"] is None else Que.TERMINO,
            causa=Causa.load(row["causa"]),
            fin=datetime.fromisoformat(row["cerrada"]) if row["cerrada"] else None,
            pausado=row["fin"] == "pausada",
            mensaje=row["mensaje"],
            callado=bool(row["callada"]),
            retenido=bool(row["retenida"]),
        )
        for row in rows
    ]


def _cancel(con: sqlite3.Connection, mensaje: int | None) -> None:
    """Takes back what was not sent yet, where it tells of nothing else."""
    con.execute(
        "UPDATE entregas SET estado = 'anulada' WHERE mensaje = ? AND estado = 'pendiente' AND EXISTS"
        " (SELECT 1 FROM mensajes WHERE id = ? AND tipo = 'alerta')",
        [mensaje, mensaje],
    )


def _forget(con: sqlite3.Connection, now: datetime) -> None:
    old = _text(now - KEPT)
    con.execute("DELETE FROM causas WHERE cerrada < ? AND contada", [old])
    con.execute(
        "DELETE FROM mensajes WHERE creado < ? AND id NOT IN (SELECT mensaje FROM causas WHERE mensaje IS NOT NULL)",
        [old],
    )
    con.execute("DELETE FROM entregas WHERE mensaje NOT IN (SELECT id FROM mensajes)")


def _text(instant: datetime) -> str:
    return instant.isoformat()
