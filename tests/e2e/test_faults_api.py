"""KLK in trouble: a store that fails touches no other, loses nothing, and is healed by the next run."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest

from klk_daemon.simulator import Falla, Mundo, Simulador, TipoFalla, simulador_en_hilo
from klk_daemon.simulator.fallas import Dano

from .installation import ARTIGAS, BOSQUE, IGUAL, PERIFERICO, TAZAJAL, Instalacion, Salida, bloque

# Every way of failing, and the `error.tipo` that it must become. Each meets a store of its own.
FALLAS: dict[str, tuple[Falla, str]] = {
    "http_500": (Falla(TipoFalla.HTTP, status=500), "api_error"),
    "http_503": (Falla(TipoFalla.HTTP, status=503, retry_after="0"), "api_error"),
    "http_404": (Falla(TipoFalla.HTTP, status=404), "api_error"),
    "http_429": (Falla(TipoFalla.HTTP, status=429, retry_after="1"), "api_error"),
    "redireccion": (Falla(TipoFalla.REDIRECCION, destino="http://127.0.0.1:1/"), "api_error"),
    "error": (Falla(TipoFalla.ERROR), "api_error"),
    "cuelga": (Falla(TipoFalla.CUELGA), "timeout"),
    "goteo": (Falla(TipoFalla.GOTEO), "timeout"),
    "goteo_cabecera": (Falla(TipoFalla.GOTEO_CABECERA, trozo=1), "timeout"),
    "corte": (Falla(TipoFalla.CORTE), "conexion"),
    "corte_a_mitad": (Falla(TipoFalla.CORTE, parte=0.5), "conexion|respuesta_invalida"),
    "truncado": (Falla(TipoFalla.TRUNCADO), "respuesta_invalida"),
    "json_cortado": (Falla(TipoFalla.JSON_CORTADO), "respuesta_invalida"),
    "html": (Falla(TipoFalla.HTML), "respuesta_invalida"),
    "cuerpo_vacio": (Falla(TipoFalla.CUERPO_VACIO), "respuesta_invalida"),
    "corto": (Falla(TipoFalla.CORTO), "respuesta_invalida"),
    "enorme": (Falla(TipoFalla.ENORME, megas=6), "respuesta_invalida"),
    "bomba_gzip": (Falla(TipoFalla.BOMBA_GZIP), "respuesta_invalida"),
}
SANAS = 3
DIA = date(2025, 11, 17)


@dataclass(frozen=True, slots=True)
class Dia:
    """A bad day: the run with a fault for each of these stores, and the run after it."""

    instalacion: Instalacion
    tiendas: dict[str, str]
    mala: dict[str, Salida]
    buena: dict[str, Salida]
    peticiones: dict[str, int]


@pytest.fixture(scope="module")
def dia(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dia]:
    """Both jobs with every fault at once, each at another store, three stores well; then both without."""
    mundo = Mundo(tiendas=len(FALLAS) + SANAS, articulos=100, lineas_por_dia=80)
    with simulador_en_hilo(mundo) as simulador:
        ajustes: dict[str, object] = {"api.timeout_s": 1.5, "api.max_concurrency": 30, "ventas.first_run_days": 0}
        instalacion = Instalacion(tmp_path_factory.mktemp("dia"), mundo, simulador.url, ajustes)
        ids = list(instalacion.tiendas)[SANAS:]
        tiendas = dict(zip(FALLAS, ids, strict=True))
        for name, (falla, _) in FALLAS.items():
            simulador.fallas.poner(replace(falla, sucursal=instalacion.tiendas[tiendas[name]].sucursal))
        mala = {job: instalacion.trigger(job, code=1) for job in ("inventario", "ventas")}
        cuerpos = [p.cuerpo for p in simulador.peticiones if p.ruta == "/ventas"]
        peticiones = {
            name: sum(instalacion.tiendas[id_].sucursal in cuerpo for cuerpo in cuerpos)
            for name, id_ in tiendas.items()
        }
        simulador.fallas.quitar()
        buena = {job: instalacion.trigger(job, code=0) for job in ("inventario", "ventas")}
        yield Dia(instalacion, tiendas, mala, buena, peticiones)


@pytest.mark.parametrize("job", ["inventario", "ventas"])
@pytest.mark.parametrize("falla", FALLAS)
def test_bad_answer(dia: Dia, falla: str, job: str) -> None:
    """A bad answer fails its store, with the right error, and nothing of it is taken; the next run takes all."""
    id_ = dia.tiendas[falla]
    parte = dia.mala[job].partes[id_]
    assert parte["estado"] == "fallido"
    assert parte["error"]["tipo"] in FALLAS[falla][1].split("|"), parte["error"]
    assert (parte["cargados"], parte["extraidos"]) == (0, 0)
    run_id = dia.mala[job].documento["run_id"]
    told = [line for line in dia.instalacion.of("tienda_fallida") if line["run_id"] == run_id and line["tienda"] == id_]
    assert [line["error_tipo"] for line in told] == [parte["error"]["tipo"]]
    assert dia.buena[job].partes[id_]["estado"] == "exitoso"
    assert dia.instalacion.sql(
        "SELECT estado, error_tipo, error_mensaje FROM etl_ejecuciones WHERE run_id = ? AND ubicacion_id = ?",
        run_id,
        id_,
    ) == [("fallido", parte["error"]["tipo"], parte["error"]["mensaje"])]


def test_other_stores_succeed(dia: Dia) -> None:
    """The stores that KLK answers well succeed, whatever happens to the others, and the run is `parcial`."""
    for job, salida in dia.mala.items():
        assert salida.documento["estado"] == "parcial"
        well = [id_ for id_, parte in salida.partes.items() if parte["estado"] == "exitoso"]
        assert well == list(dia.instalacion.tiendas)[:SANAS], job
        run_id = salida.documento["run_id"]
        ends = [e["event"] for e in dia.instalacion.events(job) if e["run_id"] == run_id and "etl_" in e["event"]]
        assert ends == ["etl_iniciado", "etl_completado"]


def test_bad_day_is_healed(dia: Dia) -> None:
    """One good run after it, everything is as if nothing had happened."""
    dia.instalacion.stock_equal()
    dia.instalacion.sales_equal()
    for id_ in dia.instalacion.tiendas:
        assert len(dia.instalacion.cobertura(id_)) == 1


def test_only_what_may_pass_is_retried(dia: Dia) -> None:
    """A refusal (404, a redirect) is not asked again; trouble that passes is, `retry_attempts` times in all."""
    once = {"http_404", "redireccion"}
    assert {name for name, times in dia.peticiones.items() if times == 1} == once
    assert {times for name, times in dia.peticiones.items() if name not in once} == {2}


@pytest.mark.parametrize("falla", ["http_503", "cuelga", "truncado"])
def test_one_store_of_four(instalacion: Instalacion, simulador: Simulador, falla: str) -> None:
    """Of the mission's four stores one fails: exit 1, the other three are as they should be."""
    simulador.fallas.poner(replace(FALLAS[falla][0], sucursal="SUC002"))
    salida = instalacion.trigger("ventas", "--set", "api.timeout_s=1", code=1)
    tipo = FALLAS[falla][1]
    assert salida.estados == {
        PERIFERICO: ("exitoso", None),
        BOSQUE: ("fallido", tipo),
        ARTIGAS: ("exitoso", None),
        TAZAJAL: ("exitoso", None),
    }
    assert instalacion.cobertura(BOSQUE) == []
    assert instalacion.sql("SELECT DISTINCT ubicacion_id FROM ventas_raw ORDER BY 1") == [
        (PERIFERICO,),
        (ARTIGAS,),
        (TAZAJAL,),
    ]
    simulador.fallas.quitar()
    instalacion.trigger("ventas")
    instalacion.sales_equal()


def test_passing_trouble_is_retried(instalacion: Instalacion, simulador: Simulador) -> None:
    """One failed answer a store is made up by the next attempt of the same run, logged as `reintento`."""
    for tienda in instalacion.tiendas.values():
        simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal=tienda.sucursal, veces=1))
    instalacion.trigger("ventas")
    assert {e["tienda"] for e in instalacion.of("reintento")} == instalacion.tiendas.keys()
    instalacion.sales_equal()


def test_one_warehouse_fails_the_store(instalacion: Instalacion, simulador: Simulador) -> None:
    """A store's warehouses succeed or fail together: none is written when one fails."""
    simulador.fallas.poner(Falla(TipoFalla.HTTP, almacen="APP-PPF"))
    salida = instalacion.trigger("inventario", code=1)
    assert salida.estados[PERIFERICO] == ("fallido", "api_error")
    assert instalacion.sql("SELECT count(*) FROM stock_actual WHERE ubicacion_id = ?", PERIFERICO) == [(0,)]


def test_all_stores_down(usada: Instalacion) -> None:
    """KLK gone: exit 1, the run is `fallido`, `etl_fallido` says `conexion`, and what is held stays."""
    usada.ajustes["api.base_url"] = "http://127.0.0.1:9"
    usada.configure()
    held = "SELECT (SELECT count(*) FROM ventas_raw), (SELECT count(*) FROM stock_actual)"
    before = usada.sql(held)
    salidas = [usada.trigger(job, code=1) for job in ("inventario", "ventas")]
    for salida in salidas:
        assert salida.documento["estado"] == "fallido"
        assert {*salida.estados.values()} == {("fallido", "conexion")}
    fallidos = usada.of("etl_fallido")
    assert {(e["run_id"], e["job"], e["error_tipo"]) for e in fallidos} == {
        (d["run_id"], d["job"], "conexion") for d in (salida.documento for salida in salidas)
    }
    assert usada.of("etl_completado") == []
    assert usada.sql(held) == before


def test_suspicious_snapshot(usada: Instalacion, simulador: Simulador) -> None:
    """An empty or shrunken article list is refused, the old rows stay; --aceptar takes the shrunken, no empty one."""
    held = "SELECT ubicacion_id, count(*) FROM stock_actual GROUP BY ALL ORDER BY 1"
    before = usada.sql(held)
    simulador.fallas.poner(Falla(TipoFalla.SIN_FILAS, sucursal="SUC002"))
    simulador.fallas.poner(Falla(TipoFalla.ENCOGIDO, sucursal="SUC003"))
    sospechoso = ("fallido", "snapshot_sospechoso")

    salida = usada.trigger("inventario", code=1)
    assert salida.estados[BOSQUE] == salida.estados[ARTIGAS] == sospechoso
    assert usada.sql(held) == before

    salida = usada.trigger("inventario", "--aceptar", code=1)
    assert (salida.estados[BOSQUE], salida.estados[ARTIGAS]) == (sospechoso, ("exitoso", None))
    assert dict(usada.sql(held)) == dict(before) | {ARTIGAS: 20}
    assert salida.partes[ARTIGAS]["eliminados"] == 180

    simulador.fallas.quitar()
    usada.trigger("inventario")
    usada.stock_equal()


def test_wrong_warehouse_code(instalacion: Instalacion) -> None:
    """A mistyped warehouse, which KLK answers with 200 and no articles, fails its store and says what to compare."""
    bosque = instalacion.tiendas[BOSQUE]
    instalacion.configure(**{BOSQUE: bloque(BOSQUE, bosque, almacenes=["APP-TBX"])})
    salida = instalacion.trigger("inventario", code=1)
    assert salida.estados[BOSQUE] == ("fallido", "snapshot_sospechoso")
    assert "APP-TBX" in salida.partes[BOSQUE]["error"]["mensaje"]
    assert [estado for estado, _ in salida.estados.values()].count("exitoso") == 3


DANOS: dict[str, Dano] = {PERIFERICO: "falta", BOSQUE: "nulo", ARTIGAS: "texto", TAZAJAL: "absurdo"}


@pytest.mark.parametrize(("job", "tabla"), [("ventas", "ventas_raw"), ("inventario", "stock_actual")])
def test_bad_rows(instalacion: Instalacion, simulador: Simulador, job: str, tabla: str) -> None:
    """A bad row costs one row: it is kept whole in filas_rechazadas, counted up when it comes again, and told."""
    for id_, dano in DANOS.items():
        sucursal = instalacion.tiendas[id_].sucursal
        simulador.fallas.poner(Falla(TipoFalla.FILAS_MALAS, sucursal=sucursal, dano=dano))
    args = ("ventas", "--desde", str(DIA), "--hasta", str(DIA)) if job == "ventas" else ("inventario",)
    first = instalacion.trigger(*args)
    malas = {id_: parte["rechazados"] for id_, parte in first.partes.items()}
    assert all(n > 3 for n in malas.values())
    cargadas = dict(instalacion.sql(f"SELECT ubicacion_id, count(*) FROM {tabla} GROUP BY ALL"))
    assert cargadas == {id_: parte["cargados"] for id_, parte in first.partes.items()}
    rows = instalacion.sql("SELECT job, ubicacion_id, veces, motivo, fila FROM filas_rechazadas")
    apartadas = Counter(id_ for _, id_, *_ in rows)
    # The two warehouses of PERIFERICO may list an article in the same words: one row.
    assert apartadas.pop(PERIFERICO) <= malas[PERIFERICO]
    assert apartadas == {id_: n for id_, n in malas.items() if id_ != PERIFERICO}
    assert {(job, veces) for job, _, veces, *_ in rows} == {(job, 1)}
    name = "NombreProducto" if job == "inventario" else "total_factura"
    assert all(motivo and name in json.loads(fila) for *_, motivo, fila in rows), "the row is kept whole"
    assert len([e for e in instalacion.of("fila_rechazada") if e["tienda"] == BOSQUE]) > 0

    again = instalacion.trigger(*args)
    assert {id_: parte["rechazados"] for id_, parte in again.partes.items()} == malas
    assert {*instalacion.sql("SELECT veces FROM filas_rechazadas")} == {(2,)}
    assert instalacion.sql("SELECT count(*) FROM filas_rechazadas") == [(len(rows),)]

    simulador.fallas.quitar()
    healed = instalacion.trigger(*args)
    assert {id_: (p["rechazados"], p["insertados"]) for id_, p in healed.partes.items()} == {
        id_: (0, n) for id_, n in malas.items()
    }


def test_repeated_rows(instalacion: Instalacion, simulador: Simulador) -> None:
    """Lines that come twice in one answer, whatever its total counts, are held and counted once."""
    simulador.fallas.poner(Falla(TipoFalla.REPETIDAS, sucursal="SUC002", parte=0.5))
    simulador.fallas.poner(Falla(TipoFalla.REPETIDAS, sucursal="SUC003", parte=0.5, total="distintas"))
    simulador.fallas.poner(Falla(TipoFalla.REPETIDAS, parte=1.0))
    instalacion.trigger("inventario")
    salida = instalacion.trigger("ventas")
    instalacion.stock_equal()
    instalacion.sales_equal()
    for id_, parte in salida.partes.items():
        assert (
            parte["extraidos"] == instalacion.sql("SELECT count(*) FROM ventas_raw WHERE ubicacion_id = ?", id_)[0][0]
        )


def test_outage_is_made_up(usada: Instalacion, simulador: Simulador) -> None:
    """After three days without success the next run reads on from where that was, a day a request."""
    usada.write(
        "UPDATE etl_marcas SET hasta_utc = hasta_utc - INTERVAL 3 DAY",
        "UPDATE ventas_cobertura SET hasta_utc = hasta_utc - INTERVAL 3 DAY, desde_utc = desde_utc - INTERVAL 3 DAY",
        "DELETE FROM ventas_raw",
    )
    simulador.olvidar_peticiones()
    salida = usada.trigger("ventas")
    assert salida.documento["modo"] == "recuperacion"
    for id_, parte in salida.partes.items():
        desde, hasta = (usada.mundo.aware(datetime.fromisoformat(parte[name])) for name in ("desde", "hasta"))
        assert timedelta(days=3) < hasta - desde < timedelta(days=3, hours=2)
        assert usada.ventas(id_, (desde, hasta)) == IGUAL
        assert len(usada.cobertura(id_)) == 1
    bodies = [json.loads(peticion.cuerpo) for peticion in simulador.peticiones]
    assert len(bodies) in {4 * 4, 4 * 5}
    assert all(body["fecha_desde"] == body["fecha_hasta"] for body in bodies)


def test_conciliacion_makes_days_equal(usada: Instalacion, simulador: Simulador) -> None:
    """Past days with lines lost, changed and made up are KLK's again, recorded and certified; a bad answer waits."""
    simulador.fallas.poner(Falla(TipoFalla.TRUNCADO, sucursal="SUC003"))
    usada.write(
        "UPDATE ventas_raw SET venta_total = venta_total + 1 WHERE linea = 2",
        "UPDATE ventas_raw SET numero_factura = 'X' || numero_factura WHERE linea = 3",
    )
    salida = usada.trigger("conciliacion", code=1)
    assert salida.estados[ARTIGAS] == ("fallido", "respuesta_invalida")
    simulador.fallas.quitar()
    usada.trigger("conciliacion")
    dias = usada.sql("SELECT ubicacion_id, fecha FROM dias_certificados WHERE reabierto IS NULL")
    assert min(Counter(id_ for id_, _ in dias).values()) >= 2
    assert {id_ for id_, _ in dias} == usada.tiendas.keys()
    for id_, fecha in dias:
        assert usada.ventas(id_, usada.mundo.dia(fecha)) == IGUAL
    tipos = usada.sql("SELECT DISTINCT tipo FROM ventas_correcciones ORDER BY 1")
    assert tipos == [("actualizada",), ("agregada",), ("eliminada",)]
