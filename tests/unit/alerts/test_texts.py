"""What people read: what is wrong, where, since when, what is touched, what to do; and commands that exist."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
import typer
from caja import NOW, REDACTOR, TIENDAS, causa

from klk_daemon.alerts.causa import Causa, Familia, Lugar
from klk_daemon.alerts.summary import Dia, Venta, summary
from klk_daemon.alerts.texts import duration
from klk_daemon.cli import app as program
from klk_daemon.domain import Job

COMMAND = re.compile(r"`klk-daemon ([^`]+)`")


@pytest.mark.parametrize("familia", Familia)
def test_every_kind(familia: Familia) -> None:
    """Each says where, since when by the stores' clock, what it touches and what to do, with commands that exist."""
    program._register(())
    known = typer.main.get_command(program.app)
    texto = REDACTOR.alerta(replace(causa(familia), detalle="lo que dice el programa"), NOW)
    assert texto.titulo
    assert "{" not in texto.titulo + texto.cuerpo
    for line in ("Dónde está la falla: ", "Desde: 2025-11-17 12:05 (hace 30 min)", "Afecta: ventas", "Qué hacer: "):
        assert line in texto.cuerpo, line
    assert "Detalle: lo que dice el programa" in texto.cuerpo
    for command in COMMAND.findall(texto.cuerpo):
        assert command.split()[0] in known.commands, command  # type: ignore[attr-defined]


def test_the_holder_is_named() -> None:
    """Of a held database: the program and its pid, where they are needed."""
    held = causa("bd_ocupada", detalle="the database x was held by /usr/bin/python3 (pid 4711) for more than 120 s")
    assert "la tiene abierta: /usr/bin/python3 (pid 4711)." in REDACTOR.alerta(held, NOW).cuerpo


def test_no_connection() -> None:
    """The network and this machine are named instead of KLK."""
    for lugar, titulo in ((Lugar.RED, "No hay conexión con KLK"), (Lugar.MAQUINA, "Esta máquina no tiene red")):
        texto = REDACTOR.alerta(replace(causa("klk"), lugar=lugar), NOW)
        assert texto.titulo == titulo
        assert "avise a quien cuida KLK" not in texto.cuerpo


def test_refused_day() -> None:
    """A day that conciliacion refused is not accepted by an order for inventario."""
    day = replace(causa("snapshot:tienda_08"), jobs=(Job.CONCILIACION,))
    assert "--aceptar" not in REDACTOR.alerta(day, NOW).cuerpo


def test_many_stores() -> None:
    """A list of nineteen stores says how many more there are."""
    ids = tuple(f"tienda_{n:02}" for n in range(19))
    many = Causa("klk", Familia.KLK, Lugar.KLK, NOW, (Job.VENTAS,), ids, 19)
    assert "19 de 19 tiendas: PERIFERICO" not in REDACTOR.alerta(many, NOW).cuerpo
    assert "y 13 más" in REDACTOR.alerta(many, NOW).cuerpo


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(seconds=59), "menos de un minuto"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(hours=1, minutes=10), "1 h 10 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
        (timedelta(seconds=-5), "menos de un minuto"),
    ],
)
def test_duration(span: timedelta, told: str) -> None:
    """For people."""
    assert duration(span) == told


def test_summary() -> None:
    """Runs, each store's sales in their order, failures, gaps, and what is open."""
    dia = Dia(
        date(2025, 11, 16),
        corridas={"inventario": (48, 0), "ventas": (48, 2)},
        fallas={"tienda_08": 2},
        ventas={"tienda_01": Venta(900, 5800, Decimal("12345.678"))},
        huecos=[("tienda_08", "2025-11-16 10:00", "2025-11-16 11:00")],
        abiertas=["algo sigue"],
    )
    texto = summary(dia, list(TIENDAS), REDACTOR)
    assert texto.titulo == "Resumen del 2025-11-16: 12.345,68 USD, 2 corridas con fallas"
    for line in (
        "- ventas: 48, con fallas 2",
        "- PERIFERICO (tienda_01): 12.345,68 USD, 900 facturas, 5800 líneas",
        "- BOSQUE (tienda_08): 0,00 USD, 0 facturas, 0 líneas, 2 fallas",
        "- BOSQUE (tienda_08): 2025-11-16 10:00 a 2025-11-16 11:00",
        "- algo sigue",
    ):
        assert line in texto.cuerpo, line
    assert "sin fallas" in summary(Dia(date(2025, 11, 16)), list(TIENDAS), REDACTOR).titulo
