"""The dashboard's pages and its way in, as a browser's requests find them (contract, "HTTP")."""

import time
from pathlib import Path

from held import held

from klk_daemon.simulator import Falla, Simulador, TipoFalla

from .daemon import Daemon, running
from .installation import ARTIGAS, PERIFERICO, Instalacion, wait_for


def enter(daemon: Daemon) -> dict[str, str]:
    """The cookie of a one-time link, as a header."""
    answer = daemon.ask(link(daemon))
    assert (answer.status, answer.headers["location"]) == (303, "/")
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def link(daemon: Daemon) -> str:
    """The path of the link that `klk-daemon dashboard` prints."""
    printed = daemon.instalacion.run("dashboard", code=0)
    assert printed.out.startswith(f"{daemon.url}/entrar?codigo=")
    return printed.out.strip().removeprefix(daemon.url)


def test_pages(daemon: Daemon) -> None:
    """Home, a store and a run are there in both languages, under a policy that lets nothing in from elsewhere."""
    (run, *_) = daemon.ask("/api/runs").json
    pages = {"/": "PERIFERICO", f"/tienda/{PERIFERICO}": "APP-TPF", f"/corrida/{run['run_id']}": "etl_completado"}
    for path, word in pages.items():
        answer = daemon.ask(path)
        assert (answer.status, word in answer.body) == (200, True), path
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert 'lang="es"' in answer.body
        english = daemon.ask(f"{path}?lang=en").body
        assert '<html lang="en">' in english
        assert "Todo al día" not in english
    assert "Todo al día" in daemon.ask("/").body
    for path in ("/tienda/nada", "/corrida/nada", "/static/nada.js"):
        assert daemon.ask(path).status == 404


def test_static_files_are_kept_for_ever(daemon: Daemon) -> None:
    """Their address has their hash, so that a browser need not ask again."""
    page = daemon.ask("/").body
    found = [part.partition('"')[0] for part in page.split('"/static/')[1:]]
    assert {name.rpartition(".")[2] for name in found} == {"css", "js", "svg"}
    for name in found:
        answer = daemon.ask(f"/static/{name}")
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]


def test_the_link_is_good_once(daemon: Daemon) -> None:
    """It makes a session that may give orders and is not the token; looked at it stays good; used twice it is not."""
    path = link(daemon)
    assert daemon.ask(path, method="HEAD").status == 204
    assert daemon.ask(path, Sec_Purpose="prefetch").status == 204
    first = daemon.ask(path)
    assert first.status == 303
    name, *attributes = first.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
    assert daemon.token not in name
    second = daemon.ask(path)
    assert second.status == 401
    assert "set-cookie" not in second.headers
    assert "ya no sirve" in second.body
    assert daemon.ask("/entrar?codigo=").status == 401
    cookie = {"Cookie": name}
    assert daemon.ask("/api/pause/ventas", body="{}").status == 401
    assert daemon.ask("/api/pause/ventas", body="{}", **cookie).status == 200
    assert daemon.ask("/api/resume/ventas", body="{}", **cookie).status == 200
    assert "disabled" not in daemon.ask("/", **cookie).body.partition("</table>")[2]
    assert "disabled" in daemon.ask("/").body


def test_a_session_does_not_weaken_the_checks(daemon: Daemon) -> None:
    """With it a foreign name is 421 and a foreign origin 403; a wrong one is 401; it makes no link of its own."""
    cookie = enter(daemon)
    before = daemon.ask("/api/runs").json
    order = "/api/trigger/ventas"
    assert daemon.ask(order, body="{}", Host="evil.example", **cookie).status == 421
    assert daemon.ask("/", Host="evil.example", **cookie).status == 421
    assert daemon.ask(order, body="{}", Origin="http://127.0.0.1:1", **cookie).status == 403
    assert daemon.ask(order, body="{}", Sec_Fetch_Site="same-site", **cookie).status == 403
    assert daemon.ask(order, body="{}", Cookie=f"{cookie['Cookie']}x").status == 401
    assert daemon.ask("/api/link", body="{}", **cookie).status == 403
    assert daemon.ask("/api/link", body="{}").status == 401
    assert daemon.ask("/api/runs").json == before
    assert daemon.ask(order, body="{}", Origin=daemon.url, **cookie).status == 202


def test_elsewhere_than_loopback(instalacion: Instalacion) -> None:
    """Without a session the page is 401 and says how to get one; the link printed is for this machine, and lets in."""
    instalacion.ajustes["http.host"] = "0.0.0.0"
    with running(instalacion, runs=0) as daemon:
        daemon.url = daemon.url.replace("0.0.0.0", "127.0.0.1")
        for path in ("/", "/events", "/static/x", "/api/runs"):
            assert daemon.ask(path).status == 401, path
        assert "klk-daemon dashboard" in daemon.ask("/", Accept="text/html").body
        assert daemon.ask("/entrar?codigo=x").status == 401
        assert daemon.ask("/", **enter(daemon)).status == 200


def test_no_daemon_to_ask(instalacion: Instalacion) -> None:
    """Without a daemon, or one that does not listen, `dashboard` exits 1 with a sentence that says what to do."""
    assert "klk-daemon run" in instalacion.run("dashboard", code=1).err
    with instalacion.start("run"):
        wait_for(lambda: bool(instalacion.of("daemon_iniciado")), "the daemon runs")
        assert "http.enabled = true" in instalacion.run("dashboard", code=1).err


def test_open(daemon: Daemon, tmp_path: Path) -> None:
    """`--open` hands the link to the browser of this desktop, too."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n', encoding="utf-8")
    browser.chmod(0o755)
    printed = daemon.instalacion.run("dashboard", "--open", code=0, env={"BROWSER": f"{browser} %s"}).out
    assert (tmp_path / "opened").read_text(encoding="utf-8") == printed


def test_a_held_database_is_not_waited_for(daemon: Daemon) -> None:
    """While another program holds the database the page comes at once, with the last state, and says so."""
    assert "Todo al día" in daemon.ask("/").body
    assert daemon.ask("/api/status").json["sin_leer"] is None
    with held(daemon.instalacion.database) as holder:
        daemon.order("/api/pause/conciliacion")  # something new is to be read
        began = time.monotonic()
        wait_for(lambda: "tiene abierta la base de datos" in daemon.ask("/").body, "the page says so")
        assert time.monotonic() - began < 10
        began = time.monotonic()
        page = daemon.ask("/").body
        assert time.monotonic() - began < 2
        assert "APP-TPF" in page
        for path in ("/api/status", "/readyz"):
            began = time.monotonic()
            answer = daemon.ask(path)
            assert time.monotonic() - began < 5
            assert answer.status == 200
            assert f"(pid {holder.pid})" in answer.json["sin_leer"], path
        assert set(daemon.ask("/api/status").json["tiendas"]) == set(daemon.instalacion.tiendas)
        assert f"(pid {holder.pid})" in daemon.instalacion.run("status", code=0).out
    wait_for(lambda: "En pausa: conciliación" in daemon.ask("/").body, "the page is up to date again")
    daemon.order("/api/resume/conciliacion")
    assert daemon.ask("/api/status").json["sin_leer"] is None


def test_a_failure_is_told_with_its_store(daemon: Daemon, klk: Simulador) -> None:
    """The page names the store that fails, its page and its run's page the error; the others are well."""
    falla = klk.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC003"))
    run_id = daemon.instalacion.trigger("ventas", code=1).documento["run_id"]
    assert "ARTIGAS: KLK contesta con un error" in daemon.ask("/").body
    assert "HTTP 503" in daemon.ask(f"/tienda/{ARTIGAS}").body
    assert "Todo al día" in daemon.ask(f"/tienda/{PERIFERICO}").body
    assert "tienda_fallida" in daemon.ask(f"/corrida/{run_id}").body
    klk.fallas.quitar(falla.id)
    daemon.instalacion.trigger("ventas")
    assert "Todo al día" in daemon.ask("/").body
