"""Channels as they are: Apprise's JSON notification, to a receiver on loopback."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from caja import Caja, causa
from filelock import FileLock
from receiver import Receptor, receiver
from structlog.testing import capture_logs

from klk_daemon.alerts.channels import Canal, check
from klk_daemon.alerts.sending import LOCK, Sender

KLK = "KLK no responde bien"


@pytest.fixture(name="receptor")
def _receptor() -> Iterator[Receptor]:
    with receiver() as receptor:
        yield receptor


@pytest.mark.parametrize(
    ("status", "permanente"), [(500, False), (503, False), (429, False), (401, True), (404, True), (410, True)]
)
async def test_refused(receptor: Receptor, status: int, permanente: bool) -> None:
    """A refusal is told from trouble that passes, by what the channel answered."""
    receptor.status = status
    envio = await Canal(receptor.url()).send("título", "cuerpo", "failure", timeout_s=5)
    assert (envio.tomado, envio.permanente) == (False, permanente)
    assert str(status) in envio.error


async def test_taken(receptor: Receptor) -> None:
    """Title, body with its lines, and level arrive."""
    envio = await Canal(receptor.url()).send("título", "una línea\notra & <más>", "success", timeout_s=5)
    assert envio.tomado
    (mensaje,) = receptor.mensajes
    assert (mensaje.titulo, mensaje.cuerpo, mensaje.tipo) == ("título", "una línea\notra & <más>", "success")


async def test_nobody_there() -> None:
    """No connection passes, and the reason names no secret."""
    envio = await Canal("json://user:secreto@127.0.0.1:1/").send("t", "c", "failure", timeout_s=5)
    assert (envio.tomado, envio.permanente) == (False, False)
    assert "secreto" not in envio.error


async def test_hangs(receptor: Receptor) -> None:
    """A channel that does not answer is left behind in time."""
    receptor.pause_s = 1.5
    began = time.monotonic()
    envio = await Canal(receptor.url()).send("t", "c", "failure", timeout_s=0.2)
    assert (envio.tomado, envio.error) == (False, "no answer within 0.2 s")
    assert time.monotonic() - began < 1


def test_secrets() -> None:
    """Neither the name nor the id of a channel tells its secrets."""
    canal = Canal("json://user:secreto@127.0.0.1:1/?x=y")
    assert canal.nombre == "json://user:****@127.0.0.1:1/"
    assert "secreto" not in canal.id


@pytest.mark.parametrize("url", ["slack://a/b", "nada://x", "mailto://", "json://"])
def test_unknown(url: str) -> None:
    """What Apprise does not know is no channel."""
    with pytest.raises(ValueError, match="Apprise knows no"):
        check(url)


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#tiendas",
        "mailto://usuario:clave@gmail.com",
        "mailtos://usuario:clave@smtp.example.com?from=klk@example.com&to=guardia@example.com",
        "tgram://123456789:AAabcdefgABCDEFG_abcdefgabcdefgabc/12315544",
        "ntfy://mi-tema-secreto",
    ],
)
def test_known(url: str) -> None:
    """The examples of the README are channels."""
    check(url)


@pytest.mark.parametrize(("option", "calls"), [("", 2), ("?overflow=truncate", 1)])
def test_long_message(option: str, calls: int) -> None:
    """One that is longer than a channel allows comes in parts, unless its URL says otherwise."""
    canal: Any = Canal(f"tgram://123456789:AAabcdefgABCDEFG_abcdefgabcdefgabc/12315544{option}")
    parts = list(canal._apprise[0]._build_send_calls(body="x" * 5000, title="", body_format="text"))
    assert len(parts) == calls


def sender(folder: Path, caja: Caja, *canales: Canal, taken: list[str] | None = None) -> Sender:
    """A sender of a box to these channels, at the box's time."""
    caja.canales = [c.id for c in canales]
    told = [] if taken is None else taken
    return Sender(folder, caja.store, canales, lambda: caja.now, told.append)


async def test_a_dead_channel_holds_up_no_other(tmp_path: Path, receptor: Receptor) -> None:
    """The other gets everything while one does not answer; the metric counts what was taken."""
    caja, taken = Caja(tmp_path), list[str]()
    with receiver() as hung:
        hung.pause_s = 3
        sending = sender(tmp_path, caja, Canal(hung.url()), Canal(receptor.url()), taken=taken)
        caja.see(causa("klk"))
        caja.see(causa("klk"), causa("rechazos:tienda_08"))
        began = time.monotonic()
        task = asyncio.create_task(sending.send(at_once=False, timeout_s=1))
        await asyncio.to_thread(receptor.wait, lambda: len(receptor.mensajes) == 2, "the living channel has both")
        assert time.monotonic() - began < 1
        await task
    assert taken == ["klk", "rechazos"]
    assert caja.rows("SELECT estado, count(*) FROM entregas GROUP BY estado ORDER BY estado") == [
        ("enviada", 2),
        ("pendiente", 2),
    ]


async def test_logged_by_name(tmp_path: Path, receptor: Receptor) -> None:
    """Each fate of a message has its event, with the channel's secrets masked."""
    caja = Caja(tmp_path)
    receptor.status = 404
    canal = Canal(receptor.url().replace("//", "//user:secreto@", 1))
    sending = sender(tmp_path, caja, canal)
    caja.see(causa("klk"))
    with capture_logs() as events:
        for _ in range(3):
            await sending.send(at_once=True, timeout_s=5)
        receptor.status = 200
        caja.see(causa("klk"), causa("rechazos:tienda_08"))
        await sending.send(at_once=True, timeout_s=5)
    assert [e["event"] for e in events] == [
        "alerta_no_enviada",
        "alerta_no_enviada",
        "alerta_abandonada",
        "alerta_enviada",
    ]
    assert "secreto" not in str(events)


async def test_what_a_dead_process_had_claimed(tmp_path: Path, receptor: Receptor) -> None:
    """It is sent by the next sender, once, and said."""
    caja = Caja(tmp_path)
    canal = Canal(receptor.url())
    sending = sender(tmp_path, caja, canal)
    caja.see(causa("klk"))
    caja.deliveries.claim(canal.id, caja.now, at_once=False)
    with capture_logs() as events:
        await sending.send(at_once=False, timeout_s=5)
        await sending.send(at_once=False, timeout_s=5)
    assert receptor.titulos() == [KLK]
    assert [e["event"] for e in events] == ["alertas_recuperadas", "alerta_enviada"]


async def test_one_sender_at_a_time(tmp_path: Path, receptor: Receptor, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process sends, this one waits a moment, then leaves it to that one."""
    monkeypatch.setattr("klk_daemon.alerts.sending.PATIENCE_S", 0.2)
    caja = Caja(tmp_path)
    sending = sender(tmp_path, caja, Canal(receptor.url()))
    caja.see(causa("klk"))
    with FileLock(tmp_path / LOCK, mode=0o600):
        await sending.send(at_once=True, timeout_s=5)
    assert receptor.mensajes == []
    await sending.send(at_once=True, timeout_s=5)
    assert receptor.titulos() == [KLK]


async def test_cut_off_while_sending(tmp_path: Path, receptor: Receptor) -> None:
    """A shutdown waits for the message that is under way: it is marked, and not sent again."""
    caja = Caja(tmp_path)
    sending = sender(tmp_path, caja, Canal(receptor.url()))
    caja.see(causa("klk"))
    receptor.pause_s = 0.3
    task = asyncio.create_task(sending.send(at_once=True, timeout_s=5))
    await asyncio.to_thread(receptor.wait, lambda: receptor.intentos == 1, "it is under way")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await sending.send(at_once=True, timeout_s=5)
    assert receptor.titulos() == [KLK]
