"""A run while its database is being opened: what is asked of KLK meanwhile, and what is told should that fail."""

from collections import Counter

from held import held

from klk_daemon.simulator import Falla, Simulador, TipoFalla

from .installation import CUATRO, Instalacion, wait_for

ALMACENES = 5


def test_stock_is_asked_for_while_the_database_is_held(usada: Instalacion, simulador: Simulador) -> None:
    """KLK's answers need not wait for the file: `inventario` has them when it is let go."""
    simulador.olvidar_peticiones()
    with held(usada.database) as holder, usada.start("trigger", "inventario") as process:
        wait_for(lambda: len(simulador.peticiones) == ALMACENES, "the question for every warehouse")
        assert process.poll() is None
        holder.kill()
        assert process.wait(30) == 0
    assert len(simulador.peticiones) == ALMACENES, "what was read is not asked for again"
    usada.stock_equal()


def test_sales_wait_for_their_plan(usada: Instalacion, simulador: Simulador) -> None:
    """Which sales are missing only the database knows: nothing is asked before it is open."""
    simulador.olvidar_peticiones()
    with held(usada.database):
        usada.trigger("ventas", "--set", "database.lock_timeout_s=0.5", code=4)
    assert not simulador.peticiones


def test_a_store_is_told_of_once(usada: Instalacion, simulador: Simulador) -> None:
    """KLK fails for one store while the file is held: each says its own reason, and nobody waits a second time."""
    simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC002", ruta="/maestra/articulos/almacen"))
    with held(usada.database):
        salida = usada.trigger("inventario", "--set", "database.lock_timeout_s=3", code=4)
    assert salida.documento["duracion_s"] < 5
    assert {id_: tipo for id_, (_, tipo) in salida.estados.items()} == {
        id_: "api_error" if sucursal == "SUC002" else "bd_ocupada" for sucursal, id_ in CUATRO.items()
    }
    assert Counter(line["tienda"] for line in usada.of("tienda_fallida")) == dict.fromkeys(CUATRO.values(), 1)
    simulador.fallas.quitar()
    usada.trigger("inventario")
    tipos = usada.sql("SELECT error_tipo FROM etl_ejecuciones WHERE run_id = ?", salida.documento["run_id"])
    assert Counter(tipo for (tipo,) in tipos) == {"bd_ocupada": 3, "api_error": 1}


def test_no_store_is_told_of_in_a_database_that_is_refused(usada: Instalacion, simulador: Simulador) -> None:
    """One of a newer version: one sentence, 2, at once, and no store that "failed"; KLK's answer is not waited for."""
    usada.write("INSERT INTO esquema_version SELECT 99, * EXCLUDE (version) FROM esquema_version LIMIT 1")
    simulador.latencia = type(simulador.latencia)(base=30)
    salida = usada.run("trigger", "inventario", code=2)
    assert "version" in salida.err
    assert not usada.of("tienda_fallida")
    assert [line["error_tipo"] for line in usada.of("etl_fallido")] == ["configuracion"]


def test_cut_off_before_it_is_open(usada: Instalacion, simulador: Simulador) -> None:
    """SIGTERM with the stock in hand and the file held: 130, and the next run books what was cut off."""
    simulador.olvidar_peticiones()
    with held(usada.database), usada.start("trigger", "inventario") as process:
        wait_for(lambda: len(simulador.peticiones) == ALMACENES, "the question for every warehouse")
        process.terminate()
        assert process.wait(10) == 130
    usada.trigger("inventario")
    cortadas = usada.sql("SELECT count(*) FROM etl_ejecuciones WHERE error_tipo = 'interrumpido'")
    assert cortadas == [(4,)]
