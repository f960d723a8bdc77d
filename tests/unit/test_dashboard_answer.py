"""The answer that stands first on the dashboard: what is wrong, where, since when, what to do."""

from datetime import timedelta

from panels import AHORA, NOMBRES, fallida, panel, tienda

from klk_daemon.domain import Job
from klk_daemon.web.dashboard.panel import Celda, Hueco, Progreso, Trabajo
from klk_daemon.web.dashboard.respuesta import Nivel, respuesta
from klk_daemon.web.dashboard.textos import EN, ES, Textos

T = Textos(ES)
A_LAS_DOS = AHORA.replace(hour=14, minute=0)


def test_all_is_well() -> None:
    """Green, and says so in both languages."""
    assert respuesta(panel(), T).nivel is Nivel.BIEN
    assert respuesta(panel(), T).titulo == "Todo al día"
    assert respuesta(panel(), Textos(EN)).titulo == "All up to date"


def test_one_store_is_named() -> None:
    """One store that fails in both jobs is one problem, which names the store, the cause and since when."""
    celdas = {job: fallida("conexion", A_LAS_DOS) for job in (Job.INVENTARIO, Job.VENTAS)}
    answer = respuesta(panel(tienda(), tienda("tienda_08", celdas=celdas)), T)
    assert answer.nivel is Nivel.MAL
    assert answer.titulo == "BOSQUE: KLK no contesta desde las 14:00"
    assert "inventario y ventas" in answer.detalle
    assert "Las otras tiendas van bien" in answer.detalle
    assert len(answer.problemas) == 1


def test_an_outage_is_one_problem() -> None:
    """All stores failing in the same way are one cause, told once."""
    celdas = {Job.VENTAS: fallida("timeout", A_LAS_DOS)}
    answer = respuesta(panel(*(tienda(id_, celdas=celdas) for id_ in NOMBRES)), T)
    assert answer.titulo == "Todas las tiendas: KLK tarda demasiado en contestar desde las 14:00"
    assert len(answer.problemas) == 1


def test_stale_without_a_failure() -> None:
    """A store without a success for too long is told with its jobs, though its last run ended well."""
    vieja = Celda(estado="exitoso", inicio=A_LAS_DOS, exito=A_LAS_DOS - timedelta(hours=2), atrasado=True)
    answer = respuesta(panel(tienda(celdas={Job.INVENTARIO: vieja}), tienda("tienda_08")), T)
    assert answer.titulo == "PERIFERICO: sin datos nuevos de inventario desde las 12:00"
    nunca = Celda(atrasado=True)
    answer = respuesta(panel(tienda(celdas={Job.INVENTARIO: nunca}), tienda("tienda_08")), T)
    assert answer.titulo == "PERIFERICO: inventario todavía sin leer"


def test_the_first_run_is_no_fault() -> None:
    """While a new installation runs for the first time it is not red."""
    nueva = {job: Celda(atrasado=True) for job in (Job.INVENTARIO, Job.VENTAS)}
    marcha = [Trabajo(Job.INVENTARIO, en_curso=Progreso("r", Job.INVENTARIO, AHORA, 3)), Trabajo(Job.VENTAS)]
    answer = respuesta(panel(*(tienda(id_, celdas=nueva) for id_ in NOMBRES), trabajos=marcha), T)
    assert answer.nivel is Nivel.NUEVO


def test_a_paused_job_is_no_fault() -> None:
    """It is told as paused, amber, and its failures are not counted; with its end where it has one."""
    celdas = {Job.VENTAS: fallida("conexion", A_LAS_DOS)}
    pausa = [Trabajo(Job.VENTAS, pausado=True, pausa_hasta=AHORA.replace(hour=16, minute=0))]
    answer = respuesta(panel(tienda(celdas=celdas), trabajos=pausa), T)
    assert (answer.nivel, answer.titulo) == (Nivel.AVISO, "En pausa: ventas")
    assert "16:00" in answer.detalle


def test_gaps_are_a_warning() -> None:
    """A gap that ended is told; the time since the last run is none yet."""
    hueco = Hueco(A_LAS_DOS, A_LAS_DOS + timedelta(minutes=30))
    answer = respuesta(panel(tienda(huecos=[hueco]), tienda("tienda_08")), T)
    assert (answer.nivel, answer.titulo) == (Nivel.AVISO, "PERIFERICO: faltan ventas por leer")
    abierto = Hueco(A_LAS_DOS, None)
    assert respuesta(panel(tienda(huecos=[abierto])), T).nivel is Nivel.BIEN


def test_the_database_is_held() -> None:
    """It is said since when, and how old the page's data are; what cannot be read at all is red."""
    answer = respuesta(panel(sin_leer="ocupada", sin_leer_desde=A_LAS_DOS, leido=A_LAS_DOS), T)
    assert answer.nivel is Nivel.AVISO
    assert answer.titulo == "Otro programa tiene abierta la base de datos desde las 14:00"
    assert "14:00" in answer.detalle
    answer = respuesta(panel(sin_leer="disco lleno", sin_leer_desde=A_LAS_DOS, leido=None), T)
    assert answer.nivel is Nivel.MAL
    assert "disco lleno" in answer.detalle


def test_the_worst_first() -> None:
    """A failure stands before a warning, and both are listed."""
    celdas = {Job.INVENTARIO: fallida("snapshot_sospechoso", A_LAS_DOS)}
    hueco = Hueco(A_LAS_DOS, A_LAS_DOS + timedelta(minutes=30))
    answer = respuesta(panel(tienda(celdas=celdas, huecos=[hueco]), tienda("tienda_08")), T)
    assert [p.nivel for p in answer.problemas] == [Nivel.MAL, Nivel.AVISO]
    assert "--tienda tienda_01 --aceptar" in answer.detalle


def test_a_store_page_answers_for_its_store() -> None:
    """Another store's failure is not this one's."""
    mala = tienda("tienda_08", celdas={Job.VENTAS: fallida("conexion", A_LAS_DOS)})
    todo = panel(tienda(), mala)
    assert respuesta(todo, T, [todo.tiendas[0]]).nivel is Nivel.BIEN
    assert respuesta(todo, T, [mala]).nivel is Nivel.MAL
