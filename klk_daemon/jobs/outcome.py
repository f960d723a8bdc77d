"""What an outcome becomes: its ledger row and its log lines. Made once, told everywhere."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog

from klk_daemon.domain import Estado, Job, Modo, Resultado, ResultadoTienda
from klk_daemon.errors import BaseOcupada, KlkError
from klk_daemon.warehouse.ejecuciones import Ejecucion
from klk_daemon.windows import local

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Libro:
    """What all ledger rows of one run share."""

    run_id: str
    job: Job
    modo: Modo
    zona: ZoneInfo
    host: str
    version: str

    def ejecucion(self, parte: ResultadoTienda) -> Ejecucion:
        """The ledger row of a store's part, begun or ended."""
        ended = parte.estado is not Estado.EN_PROCESO
        return Ejecucion(
            run_id=self.run_id,
            etl_tipo=self.job,
            modo=self.modo,
            ubicacion_id=parte.tienda.id,
            ubicacion_nombre=parte.tienda.nombre,
            fecha_inicio=local(parte.inicio, self.zona),
            fecha_fin=local(parte.fin, self.zona) if ended else None,
            duracion_segundos=parte.duracion_s if ended else None,
            fecha_desde=parte.desde.date() if parte.desde else None,
            fecha_hasta=parte.hasta.date() if parte.hasta else None,
            hora_desde=parte.desde.time() if parte.desde else None,
            hora_hasta=parte.hasta.time() if parte.hasta else None,
            estado=parte.estado,
            registros_extraidos=parte.conteo.extraidos,
            registros_cargados=parte.conteo.cargados,
            insertados=parte.conteo.insertados,
            actualizados=parte.conteo.actualizados,
            eliminados=parte.conteo.eliminados,
            rechazados=parte.conteo.rechazados,
            error_tipo=parte.error.error_tipo if parte.error else None,
            error_mensaje=str(parte.error) if parte.error else None,
            espera_bd_s=parte.espera_bd_s,
            extraccion_s=parte.extraccion_s,
            carga_s=parte.carga_s,
            version_etl=self.version,
            host=self.host,
        )


def tell_tienda(parte: ResultadoTienda) -> None:
    """One log line for a store's end."""
    figures = {
        "extraidos": parte.conteo.extraidos,
        "cargados": parte.conteo.cargados,
        "eliminados": parte.conteo.eliminados,
        "rechazados": parte.conteo.rechazados,
        "duracion_s": round(parte.duracion_s, 3),
    }
    if parte.error is None:
        log.info("tienda_completada", **figures)
        return
    if isinstance(parte.error, BaseOcupada):
        log.warning("bd_ocupada", error=str(parte.error))
    log.error("tienda_fallida", error_tipo=parte.error.error_tipo, error=str(parte.error), **figures)


def tell(resultado: Resultado) -> None:
    """The one log line that ends a run (contract, "Logs")."""
    error = resultado.fallidas[0].error if resultado.fallidas else None
    if resultado.estado is Estado.FALLIDO and error is not None:
        log.error(
            "etl_fallido",
            error_tipo=error.error_tipo,
            error=str(error),
            estado=str(resultado.estado),
            duracion_s=round(resultado.duracion_s, 3),
        )
        return
    log.info(
        "etl_completado",
        estado=str(resultado.estado),
        modo=str(resultado.modo),
        duracion_s=round(resultado.duracion_s, 3),
        extraidos=resultado.conteo.extraidos,
        cargados=resultado.conteo.cargados,
        fallidas=[p.tienda.id for p in resultado.fallidas],
    )


def tell_refused(error: KlkError) -> None:
    """The end of a run that could not begin."""
    log.error("etl_fallido", error_tipo="configuracion", error=str(error))
