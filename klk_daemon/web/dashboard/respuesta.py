"""The answer that stands first: whether all is well, or what is wrong, since when, and what to do. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from klk_daemon.domain import Job
from klk_daemon.web.dashboard.panel import OCUPADA, Celda, Panel, Tienda
from klk_daemon.web.dashboard.textos import Textos

DE_KLK = frozenset({"conexion", "timeout", "api_error", "respuesta_invalida"})


class Nivel(StrEnum):
    """How bad it is; also the name of its colour."""

    BIEN = "bien"
    NUEVO = "nuevo"
    AVISO = "aviso"
    MAL = "mal"


@dataclass(frozen=True, slots=True)
class Problema:
    """One thing that is not right: in words, since when (naive local time), and what to do."""

    nivel: Nivel
    texto: str
    hacer: str
    desde: datetime | None = None


@dataclass(frozen=True, slots=True)
class Respuesta:
    """The answer: its words, and every problem, the worst first."""

    nivel: Nivel
    titulo: str
    detalle: str
    problemas: Sequence[Problema] = field(default_factory=tuple)


def respuesta(panel: Panel, t: Textos, tiendas: Sequence[Tienda] | None = None) -> Respuesta:
    """The answer for the stores given, or for all."""
    elegidas = panel.tiendas if tiendas is None else tiendas
    problemas = [
        *_base(panel, t),
        *_fallas(panel, elegidas, t),
        *_atrasos(panel, elegidas, t),
        *_huecos(elegidas, t),
        *_pausas(panel, t),
    ]
    if problemas:
        problemas.sort(key=lambda p: p.nivel is not Nivel.MAL)
        return Respuesta(problemas[0].nivel, problemas[0].texto, problemas[0].hacer, problemas)
    if any(c.exito is None for tienda in elegidas for job, c in tienda.celdas.items() if job is not Job.CONCILIACION):
        return Respuesta(Nivel.NUEVO, t("primera_vez"), t("primera_vez_detalle"))
    detalle = t("al_dia_una") if len(elegidas) == 1 else t("al_dia", n=len(elegidas))
    return Respuesta(Nivel.BIEN, t("todo_al_dia"), detalle)


def _base(panel: Panel, t: Textos) -> Iterator[Problema]:
    if panel.sin_leer_desde is None:
        return
    clave = "base_ocupada" if panel.sin_leer == OCUPADA else "base_ilegible"
    hacer = t("base_nunca") if panel.leido is None else t("base_hacer", leido=t.momento(panel.leido, panel.ahora))
    motivo = "" if panel.sin_leer == OCUPADA else f"{panel.sin_leer} "
    texto = t(clave, desde=t.desde(panel.sin_leer_desde, panel.ahora))
    yield Problema(Nivel.AVISO if panel.sin_leer == OCUPADA else Nivel.MAL, texto, motivo + hacer, panel.sin_leer_desde)


def _fallas(panel: Panel, tiendas: Sequence[Tienda], t: Textos) -> Iterator[Problema]:
    """One problem per cause: the stores that fail in the same way, whatever the jobs."""
    por_causa: dict[str, list[tuple[Tienda, Job, Celda]]] = {}
    for tienda, job, celda in _celdas(panel, tiendas):
        if celda.estado == "fallido":
            por_causa.setdefault(celda.error_tipo or "", []).append((tienda, job, celda))
    for tipo, celdas in por_causa.items():
        afectadas = list({tienda.id: tienda for tienda, _, _ in celdas}.values())
        desde = min((c.falla_desde or c.inicio or panel.ahora) for _, _, c in celdas)
        todas = len(afectadas) == len(panel.tiendas) > 1
        causa = f"causa_{tipo}" if f"causa_{tipo}" in t.claves else "causa_otra"
        texto = t("falla", quien=_quien(afectadas, panel, t), causa=t(causa), desde=t.desde(desde, panel.ahora))
        jobs = list(dict.fromkeys(job for _, job, _ in celdas))
        hacer = t("afecta", jobs=_jobs(jobs, t))
        if tipo in DE_KLK:
            hacer += " " + t("hacer_klk_todas" if todas else "hacer_klk_una")
        elif f"hacer_{tipo}" in t.claves:
            hacer += " " + t(f"hacer_{tipo}", id=afectadas[0].id)
        yield Problema(Nivel.MAL, texto, hacer, desde)


def _atrasos(panel: Panel, tiendas: Sequence[Tienda], t: Textos) -> Iterator[Problema]:
    """Stores without a success for too long, though their last run did not fail; those that fail are told already.

    While a new installation runs for the first time, what has never run is not late.
    """
    en_marcha = any(trabajo.en_curso is not None for trabajo in panel.trabajos)
    por_jobs: dict[tuple[Job, ...], list[tuple[Tienda, datetime | None]]] = {}
    for tienda in tiendas:
        tarde = {
            job: celda.exito
            for _, job, celda in _celdas(panel, [tienda])
            if celda.atrasado and celda.estado != "fallido" and not (celda.estado is None and en_marcha)
        }
        if tarde:
            exitos = [exito for exito in tarde.values() if exito is not None]
            por_jobs.setdefault(tuple(tarde), []).append((tienda, min(exitos, default=None)))
    for jobs, tardias in por_jobs.items():
        exitos = [exito for _, exito in tardias if exito is not None]
        quien, nombres = _quien([tienda for tienda, _ in tardias], panel, t), _jobs(jobs, t)
        if exitos:
            texto = t("atraso", quien=quien, jobs=nombres, desde=t.desde(min(exitos), panel.ahora))
        else:
            texto = t("atraso_nunca", quien=quien, jobs=nombres)
        yield Problema(Nivel.MAL, texto, t("atraso_hacer"), min(exitos, default=None))


def _huecos(tiendas: Sequence[Tienda], t: Textos) -> Iterator[Problema]:
    con_huecos = [tienda for tienda in tiendas if any(h.hasta is not None for h in tienda.huecos)]
    if con_huecos:
        desde = min(h.desde for tienda in con_huecos for h in tienda.huecos)
        quien = t.lista([tienda.nombre for tienda in con_huecos])
        yield Problema(Nivel.AVISO, t("hueco", quien=quien), t("hueco_hacer"), desde)


def _pausas(panel: Panel, t: Textos) -> Iterator[Problema]:
    por_fin: dict[datetime | None, list[Job]] = {}
    for trabajo in panel.trabajos:
        if trabajo.pausado:
            por_fin.setdefault(trabajo.pausa_hasta, []).append(trabajo.job)
    for hasta, jobs in por_fin.items():
        hacer = t("pausa_hacer_hasta", hasta=t.momento(hasta, panel.ahora)) if hasta else t("pausa_hacer")
        yield Problema(Nivel.AVISO, t("pausa", jobs=_jobs(jobs, t)), hacer)


def _celdas(panel: Panel, tiendas: Sequence[Tienda]) -> Iterator[tuple[Tienda, Job, Celda]]:
    """Of the jobs that are not paused: what one leaves alone is no fault."""
    pausados: Mapping[Job, bool] = {trabajo.job: trabajo.pausado for trabajo in panel.trabajos}
    for tienda in tiendas:
        for job, celda in tienda.celdas.items():
            if not pausados.get(job):
                yield tienda, job, celda


def _quien(tiendas: Sequence[Tienda], panel: Panel, t: Textos) -> str:
    if len(tiendas) == len(panel.tiendas) > 1:
        return t("todas")
    return t.lista([tienda.nombre for tienda in tiendas])


def _jobs(jobs: Sequence[Job], t: Textos) -> str:
    return t.lista([t(str(job)).lower() for job in jobs])
