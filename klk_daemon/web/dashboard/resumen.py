"""The state in short, as `/events` tells it to programs. Timestamps are naive local time of the stores."""

from typing import Any

from klk_daemon.web.dashboard.panel import Panel
from klk_daemon.web.dashboard.respuesta import respuesta
from klk_daemon.web.dashboard.textos import ES, Textos


def resumen(panel: Panel) -> dict[str, Any]:
    """The answer, each job with its run under way and its last one, each store's jobs."""
    answer = respuesta(panel, Textos(ES))
    return {
        "nivel": str(answer.nivel),
        "titulo": answer.titulo,
        "problemas": [{"nivel": str(p.nivel), "texto": p.texto, "desde": p.desde} for p in answer.problemas],
        "leido": panel.leido,
        "jobs": {
            trabajo.job: {
                "proxima": trabajo.proxima,
                "pausado": trabajo.pausado,
                "pausa_hasta": trabajo.pausa_hasta,
                "en_curso": None
                if trabajo.en_curso is None
                else {
                    "run_id": trabajo.en_curso.run_id,
                    "inicio": trabajo.en_curso.inicio,
                    "hechas": trabajo.en_curso.hechas,
                    "total": trabajo.en_curso.total,
                    "fallidas": trabajo.en_curso.fallidas,
                },
                "ultima": None
                if not trabajo.corridas
                else {"run_id": trabajo.corridas[-1].run_id, "estado": trabajo.corridas[-1].estado},
            }
            for trabajo in panel.trabajos
        },
        "tiendas": {
            tienda.id: {
                job: {"estado": celda.estado, "exito": celda.exito, "atrasado": celda.atrasado, "error": celda.error}
                for job, celda in tienda.celdas.items()
            }
            for tienda in panel.tiendas
        },
    }
