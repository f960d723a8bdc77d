"""An outcome as the contract's JSON document ("Commands", `trigger --json`)."""

from typing import Any

from klk_daemon.domain import Resultado, ResultadoTienda


def document(resultado: Resultado) -> dict[str, Any]:
    """A run. `inicio` and `fin` are UTC; a store's `desde` and `hasta` store-local."""
    return {
        "run_id": resultado.run_id,
        "job": str(resultado.job),
        "modo": str(resultado.modo),
        "estado": str(resultado.estado),
        "inicio": resultado.inicio.isoformat(),
        "fin": resultado.fin.isoformat(),
        "duracion_s": round(resultado.duracion_s, 3),
        "tiendas": [tienda(parte) for parte in resultado.tiendas],
    }


def tienda(parte: ResultadoTienda) -> dict[str, Any]:
    """A store's part of a run."""
    conteo = parte.conteo
    return {
        "id": parte.tienda.id,
        "estado": str(parte.estado),
        "desde": parte.desde.isoformat() if parte.desde else None,
        "hasta": parte.hasta.isoformat() if parte.hasta else None,
        "extraidos": conteo.extraidos,
        "cargados": conteo.cargados,
        "insertados": conteo.insertados,
        "actualizados": conteo.actualizados,
        "sin_cambio": conteo.sin_cambio,
        "eliminados": conteo.eliminados,
        "rechazados": conteo.rechazados,
        "duracion_s": round(parte.duracion_s, 3),
        "error": {"tipo": parte.error.error_tipo, "mensaje": str(parte.error)} if parte.error else None,
    }
