"""The dashboard as its readers have it, in Debian's Chromium."""

import re
import time

import pytest
from playwright.sync_api import expect

from klk_daemon.simulator import Falla, Latencia, Simulador, TipoFalla

from ..daemon import Daemon, running
from ..installation import BOSQUE, PERIFERICO, Instalacion
from .conftest import Visit

RED = "rgb(179, 32, 29)"
GREEN = "rgb(20, 105, 58)"
CELL = f'[data-tienda="{BOSQUE}"] [data-job="inventario"]'


def link(daemon: Daemon) -> str:
    """What `klk-daemon dashboard` prints."""
    return daemon.instalacion.run("dashboard", code=0).out.strip()


def run(daemon: Daemon, job: str = "inventario") -> None:
    """A run, to its end."""
    assert daemon.order(f"/api/trigger/{job}", Accept="application/x-ndjson").status == 200


def test_a_store_turns_red_and_green_again(visit: Visit, daemon: Daemon, klk: Simulador) -> None:
    """Without a reload the failing store is red within five seconds of its run's end, and named; then green again.

    What was focused stays focused, and the reader stays where he had scrolled to.
    """
    visit.open()
    page = visit.page
    page.evaluate("document.body.dataset.loaded = 'once'")
    answer = page.locator(".respuesta")
    expect(answer).to_have_css("background-color", GREEN)
    expect(page.locator(".frase")).to_have_text("Todo al día")
    page.locator(f"#u-{BOSQUE}-inventario").focus()
    page.evaluate("window.scrollTo(0, 200)")
    falla = klk.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC002"))
    run(daemon)
    began = time.monotonic()
    expect(page.locator(CELL)).to_have_attribute("data-estado", "fallido", timeout=5_000)
    expect(answer).to_have_css("background-color", RED)
    assert time.monotonic() - began < 5
    expect(page.locator(".frase")).to_contain_text("BOSQUE: KLK contesta con un error desde")
    expect(page.locator(CELL)).to_contain_text("Falla")
    expect(page.locator("#tira-inventario .celda").last).to_have_class(re.compile("parcial"))
    assert page.evaluate("document.activeElement.id") == f"u-{BOSQUE}-inventario"
    assert page.evaluate("window.scrollY") == 200
    klk.fallas.quitar(falla.id)
    run(daemon)
    expect(answer).to_have_css("background-color", GREEN, timeout=5_000)
    assert page.evaluate("document.body.dataset.loaded") == "once"


def test_run_now_with_the_link_alone(visit: Visit, daemon: Daemon, klk: Simulador) -> None:
    """Without a session the buttons are off, say why, and an order is 401; with the link they run, pause and resume.

    A run under way has a progress bar, which goes when it ends; a link that was used opens nothing.
    """
    visit.open()
    page = visit.page
    button = page.get_by_role("button", name="Correr ahora").first
    expect(button).to_be_disabled()
    expect(page.get_by_text("klk-daemon dashboard").first).to_be_visible()
    post = "fetch('/api/trigger/inventario', {method: 'POST', body: '{}'}).then((r) => r.status)"
    assert page.evaluate(post) == 401
    assert "401" in visit.console.pop()
    address = link(daemon)
    visit.enter(address)
    assert page.url == f"{daemon.url}/"
    assert [c["httpOnly"] and c["sameSite"] for c in page.context.cookies()] == ["Strict"]
    before = daemon.ask("/api/runs").json[0]["run_id"]
    klk.latencia = Latencia(0.5)
    button.click()
    expect(page.locator("#aviso")).to_contain_text("Pedido: Inventario")
    expect(page.get_by_role("progressbar", name="Inventario")).to_be_visible()
    klk.latencia = Latencia()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.locator(f"#c-{before}")).not_to_have_attribute("tabindex", "0")
    assert daemon.ask("/api/runs").json[0]["run_id"] != before
    page.get_by_role("button", name="Pausar").nth(1).click()
    expect(page.locator(".frase")).to_have_text("En pausa: ventas")
    page.get_by_role("button", name="Reanudar").click()
    expect(page.locator(".frase")).to_have_text("Todo al día")
    page.goto(address)
    expect(page.locator("h1")).to_have_text("Este enlace ya no sirve")
    assert "401" in visit.console.pop()


@pytest.mark.parametrize("path", ["/", "/?lang=en", f"/tienda/{PERIFERICO}", "/corrida/{run}"])
def test_a_phone_has_no_sideways_scroll(visit: Visit, daemon: Daemon, path: str) -> None:
    """At 360 pixels every page is as wide as the screen."""
    visit.page.set_viewport_size({"width": 360, "height": 740})
    visit.open(path.format(run=daemon.ask("/api/runs").json[0]["run_id"]))
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360


def test_by_keyboard_alone(visit: Visit, daemon: Daemon) -> None:
    """Tab reaches the buttons; arrows go along a strip of runs, and what a run did is said in words."""
    visit.enter(link(daemon))
    page = visit.page
    seen = []
    for _ in range(80):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
        if seen[-1] == "Correr ahora":
            break
    assert seen[0] == "Ir al contenido"
    assert seen[-1] == "Correr ahora"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    cells = page.locator("#tira-inventario .celda")
    before = cells.count()
    run(daemon)
    expect(cells).to_have_count(before + 1)
    cells.last.focus()
    reading = page.locator("#lectura-inventario")
    expect(reading).to_contain_text("exitosa")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.id") == cells.nth(-2).get_attribute("id")
    assert reading.text_content() == cells.nth(-2).get_attribute("data-lectura")
    page.locator("#grafico-total .barra").first.hover()
    expect(page.locator("#lectura-total")).to_contain_text("hace una semana US$")


def test_in_english(visit: Visit) -> None:
    """`?lang=en` speaks English, live parts too, and every link keeps it."""
    visit.open("/?lang=en")
    page = visit.page
    expect(page.locator(".frase")).to_have_text("All up to date")
    expect(page.locator(f'[data-tienda="{BOSQUE}"] time').first).to_contain_text(re.compile("ago|now"))
    page.get_by_role("link", name="BOSQUE").first.click()
    visit.live()
    assert page.url.endswith(f"/tienda/{BOSQUE}?lang=en")
    expect(page.get_by_role("heading", name="Today's sales")).to_be_visible()
    page.get_by_role("link", name="Español").click()
    expect(page.get_by_role("heading", name="Ventas de hoy")).to_be_visible()


def test_store_and_run(visit: Visit, daemon: Daemon) -> None:
    """From the home page to a store, from there to a run and its log; ages and countdowns go on."""
    visit.open()
    page = visit.page
    expect(page.locator("[data-cuenta]").first).to_contain_text(re.compile(r"en \d+:\d\d"))
    page.locator(f"#t-{PERIFERICO}").click()
    visit.live()
    expect(page.locator("h1")).to_contain_text("PERIFERICO")
    expect(page.get_by_text("APP-PPF")).to_be_visible()
    page.locator("#u-ventas").click()
    visit.live()
    expect(page.locator(".bitacora")).to_contain_text("etl_completado")
    expect(page.locator(".bitacora")).to_contain_text("tienda_completada")


def test_it_says_when_it_is_not_connected(visit: Visit, instalacion: Instalacion) -> None:
    """While the daemon is away the page says since when; after its restart it is live again by itself."""
    with running(instalacion, runs=0) as daemon:
        visit.url = daemon.url
        visit.open()
        daemon.stop()
        expect(visit.page.locator("#vivo")).to_contain_text(re.compile(r"Sin conexión desde las \d\d:\d\d"))
    instalacion.ajustes["http.port"] = int(daemon.url.rpartition(":")[2])
    instalacion.configure()
    with instalacion.start("run"):
        visit.live()
        expect(visit.page.locator(".frase")).to_have_text("Todo al día")
    visit.page.close()
    visit.console.clear()  # the browser tells of each attempt
    visit.requests.clear()
