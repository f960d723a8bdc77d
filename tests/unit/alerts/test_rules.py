"""Facts in, causes out: one cause for one fault, which says where it lies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from klk_daemon.alerts.causa import Abierta, Causa, Familia, Lugar, absorbed
from klk_daemon.alerts.rules import Callada, Disco, Hechos, Par, Politica, Tardia, evaluate
from klk_daemon.domain import Job

NOW = datetime(2025, 11, 17, 16, 35, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
T = ("tienda_01", "tienda_08", "tienda_17", "tienda_20")
A, B, C, D = T
POLITICA = Politica(
    fail_after=2,
    stale_after={Job.INVENTARIO: 75 * MINUTE, Job.VENTAS: 75 * MINUTE, Job.CONCILIACION: timedelta(hours=26)},
    lock_timeout_s=120,
)
REFUSED = "POST /ventas SUC001: no connection to http://127.0.0.1:7002: Connection refused"


def bueno(tienda: str, job: Job = Job.VENTAS, **otros: object) -> Par:
    """A job that has just succeeded."""
    par = Par(job, tienda, exito=NOW - 5 * MINUTE, primera=NOW - timedelta(days=9))
    return replace(par, **otros)  # type: ignore[arg-type]


def malo(tienda: str, job: Job = Job.VENTAS, *, tipo: str = "conexion", error: str = REFUSED, seguidas: int = 2) -> Par:
    """A job that fails since half an hour, and succeeded an hour ago."""
    return Par(
        job, tienda, seguidas, NOW - 30 * MINUTE, tipo, error, exito=NOW - 60 * MINUTE, primera=NOW - timedelta(days=9)
    )


def hechos(*pares: Par, **otros: object) -> Hechos:
    """Facts of four stores; what is not named is well."""
    named = {(p.job, p.tienda) for p in pares}
    rest = [bueno(t, j) for t in T for j in (Job.INVENTARIO, Job.VENTAS) if (j, t) not in named]
    return Hechos(**({"tiendas": T, "pares": (*pares, *rest)} | otros))  # type: ignore[arg-type]


def causas(h: Hechos, *abiertas: Causa, politica: Politica = POLITICA) -> list[Causa]:
    """The causes that hold."""
    return list(evaluate(h, politica, [Abierta(c, NOW - 10 * MINUTE) for c in abiertas], NOW).causas)


def claves(h: Hechos, *abiertas: Causa) -> list[str]:
    """Their keys."""
    return [c.clave for c in causas(h, *abiertas)]


def test_all_well() -> None:
    """Nothing wrong, no cause."""
    assert claves(hechos()) == []


def test_outage_of_klk() -> None:
    """All stores fail in both jobs: one cause, KLK's, with all of them and since when."""
    (causa,) = causas(hechos(*(malo(t, j) for t in T for j in (Job.INVENTARIO, Job.VENTAS))))
    assert (causa.clave, causa.lugar, causa.tiendas) == ("klk", Lugar.KLK, T)
    assert causa.jobs == (Job.INVENTARIO, Job.VENTAS)
    assert causa.desde == NOW - 30 * MINUTE


@pytest.mark.parametrize(
    ("error", "lugar"),
    [
        (REFUSED, Lugar.KLK),
        ("no connection to http://klk: Network is unreachable", Lugar.MAQUINA),
        ("no connection to http://klk: No route to host", Lugar.RED),
        ("no connection to http://klk: Name or service not known", Lugar.RED),
        ("no connection to http://klk: Temporary failure in name resolution", Lugar.RED),
        ("no connection to http://10.0.0.1:7002 within 5 s", Lugar.RED),
        ("the connection broke before an answer came", Lugar.KLK),
    ],
)
def test_where_it_lies(error: str, lugar: Lugar) -> None:
    """What the system says tells this machine, the network and KLK apart."""
    (causa,) = causas(hechos(*(malo(t, error=error) for t in T)))
    assert (causa.clave, causa.lugar) == ("klk", lugar)


def test_one_store() -> None:
    """One store fails, the others do not: it is named, and nobody else."""
    (causa,) = causas(hechos(malo(B), malo(B, Job.INVENTARIO)))
    assert (causa.clave, causa.lugar, causa.tiendas) == ("tienda:tienda_08", Lugar.TIENDA, (B,))


def test_fail_after() -> None:
    """Nothing before so many failures in a row."""
    assert claves(hechos(malo(B, seguidas=1))) == []
    assert claves(hechos(*(malo(t, seguidas=1) for t in T))) == []


def test_one_store_began_earlier() -> None:
    """A store that failed once before all did is part of the outage, and no cause of its own."""
    assert claves(hechos(malo(A, seguidas=2), *(malo(t, seguidas=1) for t in (B, C, D)))) == ["klk"]


def test_heals_store_by_store() -> None:
    """An outage that shrinks is still one; the last store that is left over is a fault of its own."""
    (klk,) = causas(hechos(*(malo(t) for t in T)))
    assert claves(hechos(malo(A), malo(B)), klk) == ["klk"]
    assert claves(hechos(malo(A)), klk) == ["tienda:tienda_01"]


def test_grows() -> None:
    """One store, then all: the store's cause is absorbed by the outage."""
    (one,) = causas(hechos(malo(B)))
    (all_,) = causas(hechos(*(malo(t) for t in T)), one)
    assert all_.clave == "klk"
    assert absorbed(one, [all_])
    assert not absorbed(all_, [one])


def test_held_database() -> None:
    """Told at once, for all jobs and stores as one; it hides an outage of KLK, which has not ended."""
    (klk,) = causas(hechos(*(malo(t) for t in T)))
    (held,) = causas(hechos(*(malo(t, tipo="bd_ocupada", error="held", seguidas=1) for t in T)))
    assert (held.clave, held.lugar) == ("bd_ocupada", Lugar.BASE)
    assert absorbed(klk, [held])
    assert not absorbed(held, [klk])


def test_waited_for_the_database() -> None:
    """A run that succeeded after waiting for most of what it may: somebody holds the database too long."""
    assert claves(hechos(bueno(A, espera_bd_s=61))) == ["bd_ocupada"]
    assert claves(hechos(bueno(A, espera_bd_s=20))) == []


def test_unreadable_database() -> None:
    """Failures that wait to be written tell of it; nothing else is known, so nothing else begins or ends."""
    waiting = tuple(malo(t, tipo="bd_ocupada", error="held", seguidas=1) for t in T)
    evaluacion = evaluate(hechos(completos=False, pares=waiting), POLITICA, [], NOW)
    assert [c.clave for c in evaluacion.causas] == ["bd_ocupada"]
    assert evaluacion.conocidas == set()


def test_full_disk() -> None:
    """Told before it is full; the database that cannot be written because of it is no second cause."""
    full = Disco("/data", 100 * 2**30, 2 * 2**30, 2**30)
    broken = [malo(t, tipo="db_error", error="No space left") for t in T]
    assert claves(hechos(*broken)) == ["bd_error"]
    assert claves(hechos(*broken, discos=(full,))) == ["disco:/data"]
    assert claves(hechos(discos=(replace(full, libre=50 * 2**30),))) == []


def test_refused_snapshot() -> None:
    """Told at once and by store; where most stores' are refused it is KLK."""
    refused = [malo(t, Job.INVENTARIO, tipo="snapshot_sospechoso", error="short", seguidas=1) for t in T]
    assert claves(hechos(refused[1])) == ["snapshot:tienda_08"]
    (all_,) = causas(hechos(*refused))
    assert (all_.clave, all_.lugar) == ("snapshot", Lugar.KLK)


def test_cut_off() -> None:
    """Runs that are cut off again and again lie on this machine."""
    (causa,) = causas(hechos(*(malo(t, tipo="interrumpido", error="cut off") for t in T)))
    assert (causa.clave, causa.lugar) == ("interrumpido", Lugar.MAQUINA)


def test_stale() -> None:
    """Nothing fails, and nothing succeeds: one cause for all jobs and stores."""
    old = [bueno(t, j, exito=NOW - 80 * MINUTE) for t in T for j in (Job.INVENTARIO, Job.VENTAS)]
    (causa,) = causas(hechos(*old))
    assert (causa.clave, causa.lugar, causa.tiendas) == ("atraso", Lugar.MAQUINA, T)
    assert causa.desde == NOW - 80 * MINUTE


def test_stale_and_failing() -> None:
    """What fails for so long is told by what fails, however large `fail_after` is."""
    patient = replace(POLITICA, fail_after=99)
    failing = [replace(malo(t), exito=NOW - 80 * MINUTE) for t in T]
    assert [c.clave for c in causas(hechos(*failing), politica=patient)] == ["klk"]
    assert causas(hechos(*(malo(t) for t in T)), politica=patient) == []


def test_stale_after_a_start() -> None:
    """A daemon that has just begun makes up what was missed; and never-run jobs count from its start."""
    old = [bueno(t, exito=NOW - 80 * MINUTE) for t in T]
    begun = evaluate(hechos(*old, arranque=NOW - 3 * MINUTE), POLITICA, [], NOW)
    assert (begun.causas, Familia.ATRASO in begun.conocidas) == ((), False)
    here = evaluate(
        hechos(*(bueno(t, exito=NOW - 80 * MINUTE) for t in T), arranque=NOW - 90 * MINUTE), POLITICA, [], NOW
    )
    assert [c.clave for c in here.causas] == ["atraso"]
    soon = replace(POLITICA, stale_after=dict.fromkeys(Job, MINUTE))
    after = [bueno(t, j, exito=NOW - 2 * MINUTE) for t in T for j in (Job.INVENTARIO, Job.VENTAS)]
    begun = evaluate(hechos(*after, arranque=NOW - 3 * MINUTE), soon, [], NOW)
    assert [c.clave for c in begun.causas] == ["atraso"]
    never = [Par(Job.VENTAS, t) for t in T]
    assert claves(hechos(*never)) == []
    assert claves(hechos(*never, arranque=NOW - 80 * MINUTE)) == ["atraso"]


def test_paused_and_inactive() -> None:
    """A paused job and an inactive store raise nothing."""
    assert claves(hechos(*(malo(t) for t in T), pausados=frozenset({Job.VENTAS}))) == []
    assert claves(hechos(malo("tienda_99"))) == []


def test_silent_store() -> None:
    """Told by store; it lasts until a sale comes, not until closing time."""
    ultima = NOW - timedelta(hours=3)
    (causa,) = causas(hechos(calladas=(Callada(B, ultima, callada=True),)))
    assert (causa.clave, causa.desde, causa.tiendas) == ("silencio:tienda_08", ultima, (B,))
    assert claves(hechos(calladas=(Callada(B, ultima, callada=False),)), causa) == ["silencio:tienda_08"]
    assert claves(hechos(calladas=()), causa) == ["silencio:tienda_08"]
    assert claves(hechos(calladas=(Callada(B, NOW - MINUTE, callada=False),)), causa) == []


def test_holiday() -> None:
    """All stores silent at once is one cause."""
    assert claves(hechos(calladas=tuple(Callada(t, NOW - timedelta(hours=3), callada=True) for t in T))) == ["silencio"]


def test_rows_and_late_lines() -> None:
    """Rows put aside, and lines later than the overlap, by store."""
    assert claves(hechos(bueno(B, rechazados=3))) == ["rechazos:tienda_08"]
    assert claves(hechos(tardias=(Tardia(B, 4, 93.0), Tardia(A, 0, 0.0)))) == ["overlap:tienda_08"]
    unknown = evaluate(hechos(), POLITICA, [], NOW)
    assert Familia.SOLAPE not in unknown.conocidas


def test_two_faults_are_two_causes() -> None:
    """An outage and a full disk are not one."""
    full = Disco("/data", 100 * 2**30, 2 * 2**30, 2**30)
    assert claves(hechos(*(malo(t) for t in T), discos=(full,))) == ["disco:/data", "klk"]


def test_round_trip() -> None:
    """A cause survives its way through the file."""
    (causa,) = causas(hechos(malo(B)))
    assert Causa.load(causa.dump()) == causa
