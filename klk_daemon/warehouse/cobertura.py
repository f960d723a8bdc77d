"""How far sales have been read: watermarks (`etl_marcas`) and intervals (`ventas_cobertura`)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Intervalo, Job
from klk_daemon.warehouse.staging import scalar
from klk_daemon.windows import avanzar, instante, restar, unir

# The parameter is a list of ids.
DE_ESTAS = "list_contains(?, ubicacion_id)"


@dataclass(frozen=True, slots=True)
class Lectura:
    """What is known of one store's sales. Instants in UTC.

    Attributes:
        marca: its watermark.
        cobertura: what was read, sorted.
        por_releer: what was read and lost with its commits, sorted.
        ultima_venta: the newest line held; only where there is no watermark, or one that a wrong clock has set.
    """

    marca: datetime | None
    cobertura: tuple[Intervalo, ...]
    por_releer: tuple[Intervalo, ...]
    ultima_venta: datetime | None = None


@dataclass(frozen=True, slots=True)
class Leido:
    """An interval of a store's sales that was read.

    Attributes:
        ubicacion_id: the store.
        intervalo: from when to when, UTC.
        piso: where its run began, which stands in for a watermark (windows.avanzar).
        avanza: False where the watermark must stay.
    """

    ubicacion_id: str
    intervalo: Intervalo
    piso: datetime | None
    avanza: bool = True


def leer(con: DuckDBPyConnection, ids: Collection[str], *, zona: ZoneInfo, now: datetime) -> dict[str, Lectura]:
    """How far each store's sales have been read. `now` in UTC."""
    lecturas = _leer(con, ids)
    for id_, lectura in lecturas.items():
        if (lectura.marca is None or lectura.marca > now) and (ultima := ultima_venta(con, id_)) is not None:
            lecturas[id_] = replace(lectura, ultima_venta=instante(ultima, zona))
    return lecturas


def cobertura(con: DuckDBPyConnection, ids: Collection[str]) -> dict[str, list[Intervalo]]:
    """The intervals read of each store, sorted."""
    return {id_: list(lectura.cobertura) for id_, lectura in _leer(con, ids).items()}


def _leer(con: DuckDBPyConnection, ids: Collection[str]) -> dict[str, Lectura]:
    """All but the newest lines: small tables, read in one statement, which takes as long as one of them would."""
    filas = con.execute(
        "SELECT tabla, ubicacion_id, desde_utc, hasta_utc FROM ("
        " SELECT 'marca' AS tabla, ubicacion_id, hasta_utc AS desde_utc, hasta_utc FROM etl_marcas"
        f"  WHERE etl_tipo = '{Job.VENTAS}' AND hasta_utc IS NOT NULL"
        " UNION ALL SELECT 'leido', ubicacion_id, desde_utc, hasta_utc FROM ventas_cobertura"
        " UNION ALL SELECT 'perdido', ubicacion_id, desde_utc, hasta_utc FROM ventas_por_releer"
        f") WHERE {DE_ESTAS}",
        [list(ids)],
    ).fetchall()
    hay: dict[tuple[str, str], list[Intervalo]] = defaultdict(list)
    for tabla, id_, desde, hasta in filas:
        hay[tabla, id_].append(Intervalo(desde.replace(tzinfo=UTC), hasta.replace(tzinfo=UTC)))
    return {
        id_: Lectura(
            marca=max((i.hasta for i in hay["marca", id_]), default=None),
            cobertura=tuple(sorted(hay["leido", id_])),
            por_releer=tuple(sorted(hay["perdido", id_])),
        )
        for id_ in ids
    }


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


def releer(con: DuckDBPyConnection, perdidos: Sequence[tuple[str, Intervalo]]) -> None:
    """Asks the next run of `ventas` to read intervals again: store and interval each."""
    _agregar(con, "ventas_por_releer", perdidos)


def registrar(con: DuckDBPyConnection, leidos: Sequence[Leido], *, now: datetime, run_id: str) -> None:
    """Records what was read, one after the other, in the transaction that holds its rows.

    Coverage beyond `now` was claimed by a clock that ran ahead: it is given up, so that the next run reads it again.
    """
    antes = _leer(con, [leido.ubicacion_id for leido in leidos])
    despues = dict(antes)
    for leido in leidos:
        despues[leido.ubicacion_id] = _tras(despues[leido.ubicacion_id], leido, now)
    _escribir(con, antes, despues, run_id)


def _escribir(
    con: DuckDBPyConnection, antes: Mapping[str, Lectura], despues: Mapping[str, Lectura], run_id: str
) -> None:
    """Writes what has changed: a statement for what goes from each table, and one for what comes, for all stores."""
    movidas = {id_: d.marca for id_, d in despues.items() if d.marca and d.marca != antes[id_].marca}
    if movidas:
        con.execute(f"DELETE FROM etl_marcas WHERE etl_tipo = '{Job.VENTAS}' AND {DE_ESTAS}", [[*movidas]])
        con.execute(
            f"INSERT INTO etl_marcas SELECT '{Job.VENTAS}', unnest(?), unnest(?)",
            [[*movidas], [_naive(marca) for marca in movidas.values()]],
        )
    fuera = [(id_, i) for id_, d in despues.items() for i in set(antes[id_].cobertura) - set(d.cobertura)]
    dentro = [(id_, i) for id_, d in despues.items() for i in sorted(set(d.cobertura) - set(antes[id_].cobertura))]
    if fuera:
        con.execute(
            "DELETE FROM ventas_cobertura"
            " WHERE list_contains(?, {'id': ubicacion_id, 'desde': desde_utc, 'hasta': hasta_utc})",
            [[{"id": id_, "desde": _naive(i.desde), "hasta": _naive(i.hasta)} for id_, i in fuera]],
        )
    _agregar(con, "ventas_cobertura", dentro, run_id)
    restos = {id_: d.por_releer for id_, d in despues.items() if d.por_releer != antes[id_].por_releer}
    if restos:
        con.execute(f"DELETE FROM ventas_por_releer WHERE {DE_ESTAS}", [[*restos]])
        releer(con, [(id_, i) for id_, intervalos in restos.items() for i in intervalos])


def _tras(lectura: Lectura, leido: Leido, now: datetime) -> Lectura:
    """What is known once an interval more was read."""
    return Lectura(
        marca=avanzar(lectura.marca, leido.intervalo, leido.piso) if leido.avanza else lectura.marca,
        cobertura=tuple(unir(Intervalo(i.desde, min(i.hasta, now)) for i in [*lectura.cobertura, leido.intervalo])),
        por_releer=tuple(restar(lectura.por_releer, leido.intervalo)),
    )


def _agregar(con: DuckDBPyConnection, tabla: str, intervalos: Sequence[tuple[str, Intervalo]], *resto: str) -> None:
    """Adds rows to a table of intervals; `resto` is what its other columns hold."""
    if intervalos:
        ids = [id_ for id_, _ in intervalos]
        desde, hasta = [_naive(i.desde) for _, i in intervalos], [_naive(i.hasta) for _, i in intervalos]
        con.execute(
            f"INSERT INTO {tabla} SELECT unnest(?), unnest(?), unnest(?){', ?' * len(resto)}",
            [ids, desde, hasta, *resto],
        )


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
