"""How far sales have been read: watermarks (`etl_marcas`) and intervals (`ventas_cobertura`)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Intervalo, Job
from klk_daemon.warehouse.staging import append, as_list, in_json, scalar
from klk_daemon.windows import avanzar, instante, restar, unir

FILA = {"ubicacion_id": "VARCHAR", "desde_utc": "TIMESTAMP", "hasta_utc": "TIMESTAMP"}
MARCA = {"etl_tipo": "VARCHAR", "ubicacion_id": "VARCHAR", "hasta_utc": "TIMESTAMP"}
# The parameter is the stores' ids as JSON.
DE_ESTAS = f"list_contains({as_list('VARCHAR')}, ubicacion_id)"


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
        [in_json(ids)],
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
    append(con, "ventas_por_releer", FILA, [_fila(*p) for p in perdidos])


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
    movidas = {id_: d.marca for id_, d in despues.items() if d.marca != antes[id_].marca}
    if movidas:
        con.execute(f"DELETE FROM etl_marcas WHERE etl_tipo = '{Job.VENTAS}' AND {DE_ESTAS}", [in_json(movidas)])
        append(con, "etl_marcas", MARCA, [_marca(id_, marca) for id_, marca in movidas.items() if marca])
    fuera = [(id_, i) for id_, d in despues.items() for i in set(antes[id_].cobertura) - set(d.cobertura)]
    dentro = [(id_, i) for id_, d in despues.items() for i in sorted(set(d.cobertura) - set(antes[id_].cobertura))]
    if fuera:
        fila = ", ".join(f"'{c}': {c}" for c in FILA)
        con.execute(
            f"DELETE FROM ventas_cobertura WHERE list_contains({as_list(FILA)}, {{{fila}}})",
            [in_json(_fila(*f) for f in fuera)],
        )
    append(con, "ventas_cobertura", FILA | {"run_id": "VARCHAR"}, [_fila(*f) | {"run_id": run_id} for f in dentro])
    restos = {id_: d.por_releer for id_, d in despues.items() if d.por_releer != antes[id_].por_releer}
    if restos:
        con.execute(f"DELETE FROM ventas_por_releer WHERE {DE_ESTAS}", [in_json(restos)])
        releer(con, [(id_, i) for id_, intervalos in restos.items() for i in intervalos])


def _tras(lectura: Lectura, leido: Leido, now: datetime) -> Lectura:
    """What is known once an interval more was read."""
    return Lectura(
        marca=avanzar(lectura.marca, leido.intervalo, leido.piso) if leido.avanza else lectura.marca,
        cobertura=tuple(unir(Intervalo(i.desde, min(i.hasta, now)) for i in [*lectura.cobertura, leido.intervalo])),
        por_releer=tuple(restar(lectura.por_releer, leido.intervalo)),
    )


def _marca(ubicacion_id: str, marca: datetime) -> dict[str, Any]:
    return {"etl_tipo": Job.VENTAS, "ubicacion_id": ubicacion_id, "hasta_utc": _naive(marca)}


def _fila(ubicacion_id: str, intervalo: Intervalo) -> dict[str, Any]:
    return {
        "ubicacion_id": ubicacion_id,
        "desde_utc": _naive(intervalo.desde),
        "hasta_utc": _naive(intervalo.hasta),
    }


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
