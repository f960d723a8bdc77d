"""Failed runs into causes: where the fault lies is told by what failed, and by how many stores it failed for. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from klk_daemon.alerts.causa import Abierta, Causa, Familia, Lugar
from klk_daemon.alerts.scope import Parte, by_store, everywhere, join, was_everywhere
from klk_daemon.domain import Job

FAMILIAS = frozenset(
    {Familia.KLK, Familia.TIENDA, Familia.SNAPSHOT, Familia.BASE_OCUPADA, Familia.BASE_FALLA, Familia.CORTADA}
)
KLK = frozenset({"timeout", "conexion", "api_error", "respuesta_invalida"})
# What the system says where packets do not leave this machine, and where they do not arrive.
NO_NETWORK = re.compile(r"network is (unreachable|down)", re.IGNORECASE)
NO_WAY = re.compile(
    r"name or service not known|name resolution|no address associated|nodename nor servname|no route to host"
    r"|no connection to .* within",
    re.IGNORECASE,
)


class Fallido(Protocol):
    """A job that fails for a store (rules.Par)."""

    @property
    def job(self) -> Job:
        """Which."""

    @property
    def tienda(self) -> str:
        """For which store."""

    @property
    def seguidas(self) -> int:
        """How many times in a row."""

    @property
    def desde(self) -> datetime | None:
        """Since when, UTC."""

    @property
    def error_tipo(self) -> str:
        """How it failed last."""

    @property
    def error(self) -> str:
        """In words."""


def causes(
    failing: Sequence[Fallido],
    *,
    ripe: Callable[[Fallido], bool],
    tiendas: Collection[str],
    abiertas: Sequence[Abierta],
    disk_full: bool,
) -> list[Causa]:
    """The causes behind the jobs that fail now.

    A held database and a refused snapshot are told at once, since a person has to act; the rest once it is ripe.

    Args:
        failing: jobs whose newest run of a store failed.
        ripe: whether one of them has failed often enough, or for long enough, to be told of.
        tiendas: the ids of the active stores.
        abiertas: the causes that are open.
        disk_full: then a database that cannot be written is no fault of its own.
    """
    found: list[Causa] = []
    held = [p for p in failing if p.error_tipo == "bd_ocupada"]
    if held:
        found.append(join("bd_ocupada", Familia.BASE_OCUPADA, Lugar.BASE, _partes(held), len(tiendas)))
    broken = [p for p in failing if p.error_tipo == "db_error"]
    if any(ripe(p) for p in broken) and not disk_full:
        found.append(join("bd_error", Familia.BASE_FALLA, Lugar.BASE, _partes(broken), len(tiendas)))
    refused = [p for p in failing if p.error_tipo == "snapshot_sospechoso"]
    found += by_store(Familia.SNAPSHOT, _partes(refused), tiendas, abiertas)
    cut = [p for p in failing if p.error_tipo == "interrumpido"]
    if any(ripe(p) for p in cut):
        ripe_ones = [p for p in cut if ripe(p)]
        found.append(join("interrumpido", Familia.CORTADA, Lugar.MAQUINA, _partes(ripe_ones), len(tiendas)))
    return found + _klk([p for p in failing if p.error_tipo in KLK], ripe, tiendas, abiertas)


def _klk(
    failing: Sequence[Fallido], ripe: Callable[[Fallido], bool], tiendas: Collection[str], abiertas: Iterable[Abierta]
) -> list[Causa]:
    """KLK as a whole, or single stores.

    How far it reaches is told by all that fail, ripe or not: a store that began to fail one run earlier is no fault of
    its own.
    """
    ripe_ones = [p for p in failing if ripe(p)]
    was = was_everywhere("klk", abiertas)
    hit = _partes(failing)
    if everywhere(len(hit), len(tiendas), was=was) and (ripe_ones or was):
        lugar = _where(failing)
        return [join("klk", Familia.KLK, lugar, hit, len(tiendas))]
    known = {a.causa.clave for a in abiertas}
    told = [p for p in _partes(failing) if f"tienda:{p.tienda}" in known or p.tienda in {r.tienda for r in ripe_ones}]
    return [join(f"tienda:{p.tienda}", Familia.TIENDA, Lugar.TIENDA, [p], len(tiendas)) for p in told]


def _where(failing: Sequence[Fallido]) -> Lugar:
    """Of all stores' failures: this machine, the network between, or KLK itself, as most of them say."""
    (lugar, _), *_ = Counter(_of(p) for p in failing).most_common(1)
    return lugar


def _of(failed: Fallido) -> Lugar:
    if failed.error_tipo != "conexion":
        return Lugar.KLK
    if NO_NETWORK.search(failed.error):
        return Lugar.MAQUINA
    return Lugar.RED if NO_WAY.search(failed.error) else Lugar.KLK


def _partes(failing: Iterable[Fallido]) -> list[Parte]:
    """Stores, each with its jobs that fail."""
    stores: dict[str, list[Fallido]] = {}
    for p in failing:
        if p.desde is not None:
            stores.setdefault(p.tienda, []).append(p)
    return [
        Parte(
            tienda,
            min(p.desde for p in ps if p.desde is not None),
            tuple(p.job for p in ps),
            f"{ps[0].error_tipo}: {ps[0].error}",
        )
        for tienda, ps in stores.items()
    ]
