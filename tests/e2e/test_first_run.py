"""A new installation: what the first runs leave behind, and what they say."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from klk_daemon.simulator import Mundo, simulador_en_hilo

from .installation import CENT, PERIFERICO, Instalacion, Salida, ayer

DOCUMENTO = {"run_id", "job", "modo", "estado", "inicio", "fin", "duracion_s", "tiendas"}
PARTE = {
    "id", "estado", "desde", "hasta", "extraidos", "cargados", "insertados", "actualizados", "sin_cambio",
    "eliminados", "rechazados", "duracion_s", "error",
}  # fmt: skip
FILE = re.compile(r"klk_(inventario|ventas|conciliacion|daemon)_\d{8}\.log")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instalacion, list[Salida]]]:
    """An installation after one inventario, three ventas and a conciliacion; and what these said."""
    with simulador_en_hilo(Mundo(articulos=200, lineas_por_dia=400)) as simulador:
        instalacion = Instalacion(tmp_path_factory.mktemp("used"), simulador.mundo, simulador.url)
        jobs = ("inventario", "ventas", "ventas", "ventas")
        yield instalacion, [instalacion.trigger(job) for job in jobs]


def test_stock_of_every_warehouse(tmp_path: Path) -> None:
    """The first inventario of a real-sized KLK holds 5 x 3,858 rows: each article of each active warehouse."""
    with simulador_en_hilo(Mundo(lineas_por_dia=0)) as simulador:
        instalacion = Instalacion(tmp_path, simulador.mundo, simulador.url)
        salida = instalacion.trigger("inventario")
    assert [parte["extraidos"] for parte in salida.partes.values()] == [2 * 3858, 3858, 3858, 3858]
    assert instalacion.sql("SELECT count(*) FROM stock_actual") == [(5 * 3858,)]
    assert instalacion.sql(
        "SELECT count(*) FROM (SELECT DISTINCT ubicacion_id, almacen_codigo, producto_id FROM stock_actual)"
    ) == [(5 * 3858,)]
    instalacion.stock_equal()


def test_both_warehouses_of_one_store(used: tuple[Instalacion, list[Salida]]) -> None:
    """PERIFERICO's two warehouses stand side by side; neither overwrites the other."""
    instalacion, _ = used
    assert instalacion.sql(
        "SELECT almacen_codigo, count(*) FROM stock_actual WHERE ubicacion_id = ? GROUP BY ALL ORDER BY 1", PERIFERICO
    ) == [("APP-PPF", 200), ("APP-TPF", 200)]
    instalacion.stock_equal()


def test_sales_are_the_oracles(used: tuple[Instalacion, list[Salida]]) -> None:
    """After three runs of ventas there is exactly what KLK has, each line once, and the USD agree to the cent."""
    instalacion, salidas = used
    instalacion.sales_equal()
    mundo = instalacion.mundo
    for id_, tienda in instalacion.tiendas.items():
        ((desde, hasta),) = instalacion.cobertura(id_)
        assert desde == mundo.dia(datetime.fromisoformat(salidas[1].partes[id_]["desde"]).date())[0]
        assert hasta == mundo.aware(datetime.fromisoformat(salidas[-1].partes[id_]["hasta"]))
        usd = sum(
            Decimal(str(linea["financiero"][0]["venta_total_usd"]))
            for linea in mundo.oraculo(tienda.sucursal, desde, hasta)
        )
        ((total,),) = instalacion.sql("SELECT sum(venta_total) FROM ventas_raw WHERE ubicacion_id = ?", id_)
        assert total.quantize(CENT) == Decimal(usd).quantize(CENT)


def test_first_window_is_the_configured_one(used: tuple[Instalacion, list[Salida]]) -> None:
    """A store without rows starts `first_run_days` before today's midnight, the next run an overlap before its end."""
    _, (_, first, second, _) = used
    for id_, parte in first.partes.items():
        hasta = datetime.fromisoformat(parte["hasta"])
        assert datetime.fromisoformat(parte["desde"]) == datetime.combine(hasta.date(), datetime.min.time()) - (
            timedelta(days=1)
        )
        assert datetime.fromisoformat(second.partes[id_]["desde"]) == hasta - timedelta(minutes=60)


def test_operators_queries(used: tuple[Instalacion, list[Salida]]) -> None:
    """The operator's two freshness queries work, and answer with the stores' local time."""
    instalacion, _ = used
    now = instalacion.mundo.now().replace(tzinfo=None)
    for query in (
        "SELECT ubicacion_id, MAX(fecha_actualizacion) FROM stock_actual GROUP BY ubicacion_id",
        "SELECT ubicacion_id, MAX(fecha_carga) FROM ventas_raw GROUP BY ubicacion_id",
    ):
        rows = dict(instalacion.sql(query))
        assert rows.keys() == instalacion.tiendas.keys()
        assert all(now - timedelta(minutes=10) < newest <= now for newest in rows.values())


def test_no_not_available(used: tuple[Instalacion, list[Salida]]) -> None:
    """KLK's text for missing, `N/A`, is in no text column of any table."""
    instalacion, _ = used
    columns = instalacion.sql(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE data_type = 'VARCHAR' AND NOT internal"
    )
    assert len(columns) > 50
    queries = [
        f"SELECT '{table}.{column}' FROM {table} WHERE upper(trim({column})) = 'N/A'" for table, column in columns
    ]
    assert instalacion.sql(" UNION ".join(queries)) == []


def test_no_keys_and_no_indexes(used: tuple[Instalacion, list[Salida]]) -> None:
    """No PRIMARY KEY, UNIQUE, FOREIGN KEY or index in any table."""
    instalacion, _ = used
    assert instalacion.sql("SELECT * FROM duckdb_constraints()") == []
    assert instalacion.sql("SELECT * FROM duckdb_indexes()") == []


TIPOS = {
    "stock_actual": {
        "ubicacion_id": "VARCHAR", "almacen_codigo": "VARCHAR", "producto_id": "VARCHAR",
        "codigo_producto": "VARCHAR", "cantidad": "DECIMAL(18,4)", "valor_inventario": "DECIMAL(18,6)",
        "costo_promedio": "DECIMAL(18,6)", "ultima_actualizacion": "TIMESTAMP", "fecha_actualizacion": "TIMESTAMP",
    },
    "ventas_raw": {
        "numero_factura": "VARCHAR", "ubicacion_id": "VARCHAR", "linea": "INTEGER", "fecha": "DATE", "hora": "TIME",
        "fecha_hora_completa": "TIMESTAMP", "codigo_producto": "VARCHAR", "cantidad_vendida": "DECIMAL(18,4)",
        "venta_total": "DECIMAL(18,6)", "costo_total": "DECIMAL(18,6)", "utilidad_bruta": "DECIMAL(18,6)",
        "impuesto_total": "DECIMAL(18,6)", "es_peso_variable": "BOOLEAN", "producto_alta_rotacion": "BOOLEAN",
        "venta_alto_valor": "BOOLEAN", "fecha_extraccion": "TIMESTAMP", "fecha_carga": "TIMESTAMP",
        "codigo_almacen": "VARCHAR", "nombre_almacen": "VARCHAR", "codigo_barras": "VARCHAR",
        "costo_unitario_bs": "DECIMAL(18,6)", "precio_unitario_bs": "DECIMAL(18,6)",
        "venta_total_bs": "DECIMAL(18,6)", "costo_total_bs": "DECIMAL(18,6)", "utilidad_bruta_bs": "DECIMAL(18,6)",
        "tasa_usd": "DECIMAL(18,6)", "total_factura_bs": "DECIMAL(18,6)", "porcentaje_descuento": "DECIMAL(18,6)",
        "monto_descuento": "DECIMAL(18,6)", "es_no_fiscal": "BOOLEAN", "codigo_promocion": "VARCHAR",
        "fecha_actualizacion": "TIMESTAMP",
    },
    "etl_ejecuciones": {
        "id": "INTEGER", "etl_tipo": "VARCHAR", "estado": "VARCHAR", "modo": "VARCHAR", "fecha_inicio": "TIMESTAMP",
        "fecha_desde": "DATE", "hora_desde": "TIME", "run_id": "VARCHAR", "insertados": "INTEGER",
        "actualizados": "INTEGER", "eliminados": "INTEGER", "rechazados": "INTEGER", "espera_bd_s": "DOUBLE",
        "extraccion_s": "DOUBLE", "carga_s": "DOUBLE",
    },
    "etl_marcas": {"etl_tipo": "VARCHAR", "ubicacion_id": "VARCHAR", "hasta_utc": "TIMESTAMP"},
    "ventas_cobertura": {
        "ubicacion_id": "VARCHAR", "desde_utc": "TIMESTAMP", "hasta_utc": "TIMESTAMP", "run_id": "VARCHAR",
    },
    "ventas_correcciones": {
        "registrada": "TIMESTAMP", "ubicacion_id": "VARCHAR", "fecha": "DATE", "numero_factura": "VARCHAR",
        "linea": "INTEGER", "tipo": "VARCHAR", "antes": "JSON", "despues": "JSON", "run_id": "VARCHAR",
    },
    "dias_certificados": {
        "ubicacion_id": "VARCHAR", "fecha": "DATE", "lineas": "INTEGER", "facturas": "INTEGER",
        "venta_total": "DECIMAL(18,6)", "certificado": "TIMESTAMP", "reabierto": "TIMESTAMP",
    },
    "stock_historial": {
        "ubicacion_id": "VARCHAR", "almacen_codigo": "VARCHAR", "codigo_producto": "VARCHAR",
        "cantidad_anterior": "DECIMAL(18,4)", "cantidad": "DECIMAL(18,4)", "fecha": "TIMESTAMP",
    },
    "filas_rechazadas": {
        "primera_vez": "TIMESTAMP", "ultima_vez": "TIMESTAMP", "veces": "INTEGER", "job": "VARCHAR",
        "ubicacion_id": "VARCHAR", "motivo": "VARCHAR", "fila": "JSON",
    },
    "productos": {"id": "VARCHAR", "codigo": "VARCHAR", "descripcion": "VARCHAR", "precio_venta": "DECIMAL(18,6)"},
    "ubicaciones": {"id": "VARCHAR", "codigo": "VARCHAR", "nombre": "VARCHAR", "tipo": "VARCHAR", "activo": "BOOLEAN"},
}  # fmt: skip
# The legacy order of ventas_raw, which readers may count on, comes first.
LEGACY_VENTAS = """
    numero_factura  ubicacion_id  ubicacion_nombre  linea  fecha  hora  fecha_hora_completa  ano  mes  dia
    dia_semana  nombre_dia  nombre_mes  turno  periodo_dia  tipo_dia  codigo_transaccion  codigo_producto
    descripcion_producto  marca_producto  modelo_producto  cuadrante_producto  presentacion_producto
    categoria_producto  grupo_producto  subgrupo_producto  categoria_especial  categoria_precio  tipo_venta
    cantidad_vendida  cantidad_bultos  peso_unitario  volumen_unitario  peso_calculado  peso_total_vendido
    volumen_total_vendido  tipo_peso  costo_unitario  precio_unitario  impuesto_porcentaje  precio_por_kg
    costo_total  venta_total  utilidad_bruta  margen_bruto_pct  impuesto_total  venta_sin_impuesto
    es_peso_variable  producto_alta_rotacion  venta_alto_valor  tamano_transaccion  fecha_extraccion
    fecha_transformacion  version_transformacion  fecha_carga
""".split()  # noqa: SIM905 - a list of 55 would be a page long


@pytest.mark.parametrize("table", TIPOS)
def test_columns(used: tuple[Instalacion, list[Salida]], table: str) -> None:
    """Each table has the contract's columns with the contract's types."""
    instalacion, _ = used
    rows = instalacion.sql("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?", table)
    assert TIPOS[table].items() <= dict(rows).items()


def test_legacy_columns_come_first(used: tuple[Instalacion, list[Salida]]) -> None:
    """The columns that older readers know stand in their old order."""
    instalacion, _ = used
    rows = instalacion.sql("SELECT column_name FROM duckdb_columns() WHERE table_name = 'ventas_raw'")
    assert [name for (name,) in rows][: len(LEGACY_VENTAS)] == LEGACY_VENTAS


def test_json_document(used: tuple[Instalacion, list[Salida]]) -> None:
    """`--json` prints one document with exactly the contract's keys; counts add up."""
    _, salidas = used
    for salida in salidas:
        assert salida.out.count("\n") == 1
        assert salida.documento.keys() == DOCUMENTO
        assert salida.documento["estado"] == "exitoso"
        for parte in salida.documento["tiendas"]:
            assert parte.keys() == PARTE
            assert parte["cargados"] == parte["insertados"] + parte["actualizados"]
            assert parte["extraidos"] == parte["cargados"] + parte["sin_cambio"]
            assert parte["error"] is None


def test_todo_is_a_list_of_two(instalacion: Instalacion) -> None:
    """`trigger todo --json` prints one list: inventario, then ventas."""
    salida = instalacion.trigger("todo")
    assert [(d["job"], d["estado"]) for d in salida.documento] == [("inventario", "exitoso"), ("ventas", "exitoso")]
    assert all(documento.keys() == DOCUMENTO for documento in salida.documento)
    assert salida.documento[0]["fin"] <= salida.documento[1]["fin"]
    instalacion.stock_equal()
    instalacion.sales_equal()


def test_ledger(used: tuple[Instalacion, list[Salida]]) -> None:
    """The ledger has one row a store and run, and says what the documents said."""
    instalacion, salidas = used
    rows = instalacion.sql(
        "SELECT run_id, ubicacion_id, etl_tipo, modo, estado, registros_extraidos, registros_cargados, insertados"
        " FROM etl_ejecuciones"
    )
    told = [
        (d["run_id"], p["id"], d["job"], d["modo"], p["estado"], p["extraidos"], p["cargados"], p["insertados"])
        for d in (salida.documento for salida in salidas)
        for p in d["tiendas"]
    ]
    assert sorted(rows) == sorted(told)


def test_logs(used: tuple[Instalacion, list[Salida]]) -> None:
    """A file a job and store-local day; of each run exactly one beginning and one end, the same on stderr."""
    instalacion, salidas = used
    names = [path.name for path in instalacion.logs.iterdir() if not path.name.startswith(".")]
    assert all(FILE.fullmatch(name) for name in names), names
    days = {f"{instalacion.mundo.now().date():%Y%m%d}", f"{ayer(instalacion.mundo):%Y%m%d}"}
    assert {name[-12:-4] for name in names} <= days
    lines = instalacion.events()
    for salida in salidas:
        d = salida.documento
        run = [line for line in lines if line.get("run_id") == d["run_id"]]
        events = [line["event"] for line in run]
        assert events.count("etl_iniciado") == 1
        assert events.count("etl_completado") == 1
        assert events.count("etl_fallido") == 0
        assert events.count("tienda_completada") == len(d["tiendas"])
        end = next(line for line in run if line["event"] == "etl_completado")
        assert end["extraidos"] == sum(p["extraidos"] for p in d["tiendas"])
        assert end["cargados"] == sum(p["cargados"] for p in d["tiendas"])
        assert end["estado"] == d["estado"]
        assert {line["job"] for line in run} == {d["job"]}
        assert all(line["timestamp"].endswith(("Z", "+00:00")) and line["level"] for line in run)
        assert '"event": "etl_completado"' in salida.err
        assert "etl_iniciado" not in salida.out


def test_for_people(instalacion: Instalacion) -> None:
    """Without --json the result is a table on stdout; without a terminal stderr is JSON, and has no colour."""
    salida = instalacion.run("trigger", "inventario", code=0)
    assert all(id_ in salida.out for id_ in instalacion.tiendas)
    assert "\x1b" not in salida.out + salida.err
    assert all(line.startswith("{") for line in salida.err.splitlines())


def test_status_of_a_new_installation(instalacion: Instalacion) -> None:
    """`status` exits 1 where no store ever had a success, and makes no database."""
    assert "never" in instalacion.run("status", code=1).out
    assert not instalacion.database.exists()


def test_status(usada: Instalacion) -> None:
    """`status` exits 0 where all is fresh, and 1 where a job of a store is stale, naming the two."""
    assert usada.run("status", "--json", code=0).documento["atrasado"] == []
    usada.write(
        "UPDATE etl_ejecuciones SET fecha_fin = fecha_fin - INTERVAL 80 MINUTE"
        " WHERE etl_tipo = 'ventas' AND ubicacion_id = 'tienda_08'"
    )
    stale = usada.run("status", "--json", code=1).documento["atrasado"]
    assert [(s["tienda"], s["job"]) for s in stale] == [("tienda_08", "ventas")]
    text = usada.run("status", code=1).out
    assert all(id_ in text for id_ in usada.tiendas)


def test_demo_once(instalacion: Instalacion) -> None:
    """`demo --once` exits 0 after both jobs, says per store what the database holds, and leaves nothing."""
    before = {*instalacion.folder.iterdir()}
    salida = instalacion.run("demo", "--once", code=0)
    table: list[list[str]] = [line.split() for line in salida.out.splitlines()]
    rows: dict[str, Any] = {words[0]: words for words in table if len(words) == 6 and words[0] in instalacion.tiendas}
    assert rows.keys() == instalacion.tiendas.keys()
    assert rows[PERIFERICO][3] == str(2 * 3858)
    assert {*instalacion.folder.iterdir()} == before
