"""What must change in a database of an older pipeline, and what that takes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from klk_daemon.warehouse.legado.hallazgos import Hallazgos, Tabla, Vista
from klk_daemon.warehouse.schema import iniciales
from klk_daemon.warehouse.texto import TEXTO

# Rebuilt: their keys and indexes reject what the daemon writes (legacy-db.md).
REHACER = ("stock_actual", "etl_ejecuciones")
VENTAS = "ventas_raw"
# Kept as they are, since others refer to them by foreign keys.
QUEDAN = ("ubicaciones", "productos")
# Without these a table is not the one that legacy-db.md describes.
MINIMO: Mapping[str, tuple[str, ...]] = {
    "ubicaciones": ("id", "codigo", "nombre", "tipo", "activo", "created_at", "updated_at"),
    "productos": (
        *("id", "codigo", "codigo_barras", "descripcion", "categoria", "grupo", "subgrupo", "marca"),
        *("costo_promedio", "precio_venta", "activo", "es_perecedero", "created_at", "updated_at"),
    ),
    "stock_actual": ("ubicacion_id", "producto_id", "cantidad"),
    "etl_ejecuciones": ("id", "etl_tipo", "ubicacion_id", "fecha_inicio", "estado"),
    VENTAS: ("numero_factura", "ubicacion_id", "linea", "fecha", "fecha_hora_completa", "venta_total", "fecha_carga"),
}
# Moments that even a table of text has as such.
MOMENTOS = ("fecha_carga", "fecha_actualizacion")
# Measured on two processors, rounded up: seconds and bytes for a row, or for a row and column.
BACKUP_S, BACKUP_BYTES = 4e-6, 80
REBUILD_S, REBUILD_BYTES = 5e-6, 250
COLUMN_S, COLUMN_BYTES = 1.2e-7, 3.5
FIXED_S, FIXED_BYTES = 1.0, 32 * 1024**2
DEDUPE_S, DEDUPE_BYTES = 1.2e-5, 150


@dataclass(frozen=True, slots=True)
class Cambios:
    """What the migration does.

    Attributes:
        nuevas: tables that are made.
        rehechas: tables that are rebuilt without keys and indexes, and set aside before.
        agregadas: columns that `ventas_raw` gets: name to type.
        indices: secondary indexes that go, of tables that stay: name to table.
        vistas: views that are made anew, since they read a table that changes.
        obstaculos: why it cannot be done.
    """

    nuevas: tuple[str, ...]
    rehechas: tuple[str, ...]
    agregadas: Mapping[str, str]
    indices: Mapping[str, str]
    vistas: tuple[Vista, ...]
    obstaculos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimacion:
    """What it takes: seconds; bytes that stay as the backup, and those that are needed while it lasts."""

    segundos: float
    respaldo: int
    mientras: int

    @property
    def total(self) -> int:
        """The room that must be there."""
        return self.respaldo + self.mientras


def cambios(hallazgos: Hallazgos) -> Cambios:
    """What must change."""
    tablas = hallazgos.tablas
    rehechas = tuple(nombre for nombre in REHACER if nombre in tablas)
    agregadas = columnas_nuevas(tablas[VENTAS]) if VENTAS in tablas else {}
    tocadas = {*rehechas, *([VENTAS] if agregadas else [])}
    return Cambios(
        nuevas=tuple(nombre for nombre in iniciales() if nombre not in tablas),
        rehechas=rehechas,
        agregadas=agregadas,
        indices={indice: t for t in (*QUEDAN, VENTAS) if t in tablas for indice in tablas[t].indices},
        vistas=tuple(v for v in hallazgos.vistas if tocadas & v.tablas),
        obstaculos=tuple(_obstaculos(hallazgos, rehechas)),
    )


def columnas_nuevas(ventas: Tabla) -> dict[str, str]:
    """The columns that the lines lack; of text, where all of them are."""
    texto = ventas.columnas.get("venta_total") == TEXTO
    return {
        columna: TEXTO if texto and columna not in MOMENTOS else tipo
        for columna, tipo in iniciales()[VENTAS].items()
        if columna not in ventas.columnas
    }


def _obstaculos(hallazgos: Hallazgos, rehechas: tuple[str, ...]) -> list[str]:
    found = []
    for nombre, columnas in iniciales().items():
        if (tabla := hallazgos.tablas.get(nombre)) is None:
            continue
        if faltan := [c for c in MINIMO.get(nombre, columnas) if c not in tabla.columnas]:
            found.append(f"the table {nombre} has no column {', '.join(faltan)}")
    found += [
        f"the table {nombre} cannot be rebuilt: {', '.join(quienes)} has a foreign key to it"
        for nombre in rehechas
        if (quienes := hallazgos.referencias.get(nombre))
    ]
    vistas = {v.nombre: v for v in hallazgos.vistas}
    found += [f"{nombre} is a view" for nombre in iniciales() if f'"main"."{nombre}"' in vistas]
    return found


def estimar(hallazgos: Hallazgos, que: Cambios) -> Estimacion:
    """What the migration takes on a machine of today with a disk of its own."""
    rehechas = sum(hallazgos.tablas[t].filas for t in que.rehechas)
    ventas = hallazgos.tablas[VENTAS].filas if VENTAS in hallazgos.tablas else 0
    celdas = ventas * len(que.agregadas)
    return Estimacion(
        segundos=FIXED_S + rehechas * (BACKUP_S + REBUILD_S) + celdas * COLUMN_S,
        respaldo=rehechas * BACKUP_BYTES,
        mientras=int(FIXED_BYTES + rehechas * REBUILD_BYTES + celdas * COLUMN_BYTES),
    )


def estimar_duplicadas(lineas: int, duplicadas: int) -> Estimacion:
    """What removing the copies takes: of the lines of the months that have any, and of the copies."""
    return Estimacion(lineas * DEDUPE_S, duplicadas * DEDUPE_BYTES, FIXED_BYTES)
