"""How far sales have been read: watermarks (`etl_marcas`) and intervals (`ventas_cobertura`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Intervalo, Job
from klk_daemon.warehouse.staging import scalar
from klk_daemon.windows import avanzar, instante, restar, unir


@dataclass(frozen=True, slots=True)
class Lectura:
    """What is known of one store's sales. Instants in UTC.

    Attributes:
        marca: its watermark.
        cobertura: what was read.
        por_releer: what was read and lost with its commits.
        ultima_venta: the newest line held; only where there is no watermark, or one that a wrong clock has set.
    """

    marca: datetime | None
    cobertura: tuple[Intervalo, ...]
    por_releer: tuple[Intervalo, ...]
    ultima_venta: datetime | None


def leer(con: DuckDBPyConnection, ubicacion_id: str, *, zona: ZoneInfo, now: datetime) -> Lectura:
    """How far a store's sales have been read. `now` in UTC."""
    marca = _marca(con, ubicacion_id)
    ultima = None
    if marca is None or marca > now:
        ultima = ultima_venta(con, ubicacion_id)
    return Lectura(
        marca=marca,
        cobertura=tuple(cobertura(con, ubicacion_id)),
        por_releer=tuple(_intervalos(con, "ventas_por_releer", ubicacion_id)),
        ultima_venta=instante(ultima, zona) if ultima is not None else None,
    )


def ultima_venta(con: DuckDBPyConnection, ubicacion_id: str, desde: date | None = None) -> datetime | None:
    """A store's newest line, naive local time.

    A file of text with 80 million lines is read once for its newest date, and then for that day alone; `desde` is a
    date since when there should be sales, so that it need not be read at all.
    """
    if desde is not None and (reciente := _ultima(con, ubicacion_id, desde)) is not None:
        return reciente
    # What is no date sorts behind the digits, where there is text.
    dia = scalar(
        con, "SELECT max(fecha) FROM ventas_raw WHERE ubicacion_id = ? AND fecha < '9999-12-31'", [ubicacion_id]
    )
    return _ultima(con, ubicacion_id, dia)


def _ultima(con: DuckDBPyConnection, ubicacion_id: str, desde: date | str | None) -> datetime | None:
    """The newest line since a date; of all that there are, where none is given."""
    ultima: datetime | None = scalar(
        con,
        "SELECT max(TRY_CAST(fecha_hora_completa AS TIMESTAMP)) FROM ventas_raw WHERE ubicacion_id = ?"
        + (" AND fecha >= ?" if desde is not None else ""),
        [ubicacion_id, *([str(desde)] if desde is not None else [])],
    )
    return ultima


def _marca(con: DuckDBPyConnection, ubicacion_id: str) -> datetime | None:
    marca = scalar(
        con,
        "SELECT max(hasta_utc) FROM etl_marcas WHERE etl_tipo = ? AND ubicacion_id = ?",
        [Job.VENTAS, ubicacion_id],
    )
    return marca.replace(tzinfo=UTC) if marca is not None else None


def cobertura(con: DuckDBPyConnection, ubicacion_id: str) -> list[Intervalo]:
    """The intervals read, sorted."""
    return _intervalos(con, "ventas_cobertura", ubicacion_id)


def _intervalos(con: DuckDBPyConnection, tabla: str, ubicacion_id: str) -> list[Intervalo]:
    rows = con.execute(
        f"SELECT desde_utc, hasta_utc FROM {tabla} WHERE ubicacion_id = ? ORDER BY desde_utc", [ubicacion_id]
    ).fetchall()
    return [Intervalo(desde.replace(tzinfo=UTC), hasta.replace(tzinfo=UTC)) for desde, hasta in rows]


def releer(con: DuckDBPyConnection, ubicacion_id: str, perdido: Intervalo) -> None:
    """Asks the next run of `ventas` to read an interval again."""
    con.execute(
        "INSERT INTO ventas_por_releer VALUES (?, ?, ?)", [ubicacion_id, _naive(perdido.desde), _naive(perdido.hasta)]
    )


def registrar(
    con: DuckDBPyConnection,
    ubicacion_id: str,
    leido: Intervalo,
    *,
    piso: datetime | None,
    avanza: bool = True,
    now: datetime,
    run_id: str,
) -> None:
    """Records that an interval was read, in the transaction that holds its rows.

    Coverage beyond `now` was claimed by a clock that ran ahead: it is given up, so that the next run reads it again.
    """
    marca = _marca(con, ubicacion_id)
    nueva = avanzar(marca, leido, piso) if avanza else marca
    if nueva is not None and nueva != marca:
        con.execute("DELETE FROM etl_marcas WHERE etl_tipo = ? AND ubicacion_id = ?", [Job.VENTAS, ubicacion_id])
        con.execute("INSERT INTO etl_marcas VALUES (?, ?, ?)", [Job.VENTAS, ubicacion_id, _naive(nueva)])
    antes = cobertura(con, ubicacion_id)
    despues = unir([Intervalo(i.desde, min(i.hasta, now)) for i in [*antes, leido]])
    _reemplazar(con, ubicacion_id, antes, despues, run_id)
    perdido = _intervalos(con, "ventas_por_releer", ubicacion_id)
    if perdido:
        con.execute("DELETE FROM ventas_por_releer WHERE ubicacion_id = ?", [ubicacion_id])
        for resto in restar(perdido, leido):
            releer(con, ubicacion_id, resto)


def _reemplazar(
    con: DuckDBPyConnection, ubicacion_id: str, antes: Sequence[Intervalo], despues: Sequence[Intervalo], run_id: str
) -> None:
    for i in set(antes) - set(despues):
        con.execute(
            "DELETE FROM ventas_cobertura WHERE ubicacion_id = ? AND desde_utc = ? AND hasta_utc = ?",
            [ubicacion_id, _naive(i.desde), _naive(i.hasta)],
        )
    for i in sorted(set(despues) - set(antes)):
        con.execute(
            "INSERT INTO ventas_cobertura VALUES (?, ?, ?, ?)",
            [ubicacion_id, _naive(i.desde), _naive(i.hasta), run_id],
        )


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
