"""What is told of causes that begin and end: each once, to each channel, whatever happens between."""

import stat
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from caja import MINUTE, REDACTOR, Caja, causa
from hypothesis import given
from hypothesis import strategies as st

from klk_daemon.alerts import store
from klk_daemon.alerts.causa import Familia
from klk_daemon.alerts.outbox import Outbox
from klk_daemon.alerts.telling import PER_HOUR
from klk_daemon.alerts.texts import Texto
from klk_daemon.domain import Job

KLK = "KLK no responde bien"
BOSQUE = "BOSQUE (tienda_08): falla esta tienda"


@pytest.fixture(name="caja")
def _caja(tmp_path: Path) -> Caja:
    return Caja(tmp_path)


def test_one_message_while_it_lasts(caja: Caja) -> None:
    """A cause that holds for three evaluations is one message; its end is one note."""
    for _ in range(3):
        caja.see(causa("klk"))
    assert caja.send() == [KLK]
    caja.see()
    caja.see()
    assert caja.send() == [f"Resuelto: {KLK}"]


def test_file_is_the_users_own(caja: Caja, tmp_path: Path) -> None:
    """0600: it tells what fails."""
    caja.see(causa("klk"))
    assert stat.S_IMODE((tmp_path / "alertas.db").stat().st_mode) == 0o600


def test_grows(caja: Caja) -> None:
    """One store, then all: the store's cause ends without a note, and the outage's end is the only one."""
    caja.see(causa("tienda:tienda_08"))
    assert caja.send() == [BOSQUE]
    caja.see(causa("klk"))
    assert caja.send() == [KLK]
    caja.see()
    assert caja.send() == [f"Resuelto: {KLK}"]


def test_grows_before_it_is_sent(caja: Caja) -> None:
    """What was not sent yet is taken back: the greater fault says it all."""
    caja.see(causa("tienda:tienda_08"))
    caja.see(causa("klk"))
    assert caja.send() == [KLK]


def test_unknown_ends_nothing(caja: Caja) -> None:
    """While the database cannot be read, nothing is over."""
    caja.see(causa("klk"))
    caja.see(conocidas=[Familia.DISCO])
    assert caja.send() == [KLK]
    caja.see()
    assert caja.send() == [f"Resuelto: {KLK}"]


def test_paused_is_not_over(caja: Caja) -> None:
    """A cause whose job was paused is left alone, and the note says so."""
    caja.see(causa("tienda:tienda_08"))
    caja.send()
    caja.see(pausados=[Job.VENTAS])
    assert caja.send() == [f"En pausa: {BOSQUE}"]


def test_a_note_only_to_those_who_heard(tmp_path: Path) -> None:
    """A channel that gave up hears no end; one that was not reached yet hears the whole story, once."""
    caja = Caja(tmp_path, "bien", "muerto", "tarde")
    caja.see(causa("klk"))
    caja.send("bien")
    for _ in range(3):
        caja.send("muerto", tomado=False, permanente=True)
        caja.now += timedelta(hours=1)
    caja.see()
    assert caja.send("bien") == [f"Resuelto: {KLK}"]
    assert caja.send("muerto") == []
    assert caja.send("tarde") == [f"Resuelto: {KLK}"]


def test_new_channel(caja: Caja) -> None:
    """A channel that is added, or put right, hears of what still holds."""
    caja.see(causa("klk"))
    caja.send()
    caja.canales = ("slack", "nuevo")
    caja.see(causa("klk"))
    assert caja.send("nuevo") == [KLK]
    assert caja.send("slack") == []


def test_quiet_hours(caja: Caja) -> None:
    """Told at their end, as one message: what came and went in a line, what still holds in full."""
    caja.see(causa("tienda:tienda_01"), quiet=True)
    caja.see(causa("klk"), quiet=True)
    caja.see(causa("rechazos:tienda_20"), quiet=True)
    assert caja.send() == []
    caja.see(causa("rechazos:tienda_20"))
    (titulo,) = caja.send()
    assert titulo == "2 avisos reunidos, 1 sigue"
    (cuerpo,) = caja.rows("SELECT cuerpo FROM mensajes")[0]
    assert f"- {KLK}, desde 2025-11-17 12:05 hasta 2025-11-17 12:38 (33 min)" in cuerpo
    rows = "TAZAJAL (tienda_20): filas apartadas porque no se pueden cargar"
    assert f"SIGUE: {rows}" in cuerpo
    caja.see()
    assert caja.send() == [f"Resuelto: {rows}"]


def test_one_thing_in_quiet_hours(caja: Caja) -> None:
    """One that still holds is an ordinary alert; one that is over, one message of its own."""
    caja.see(causa("klk"), quiet=True)
    caja.see(causa("klk"))
    assert caja.send() == [KLK]
    caja.see(quiet=True)
    assert caja.send() == []
    caja.see(causa("disco"), quiet=True)
    caja.see(quiet=True)
    caja.see()
    assert caja.send() == ["2 avisos reunidos, todo resuelto"]
    caja.see(causa("atraso"), quiet=True)
    caja.see(quiet=True)
    caja.see()
    assert caja.send() == ["Resuelto: Datos atrasados: no hay corridas"]


def test_no_flood(caja: Caja) -> None:
    """Beyond the limit of an hour they are held back, then told together, with how many there are."""
    stores = [causa(f"tienda:tienda_{n:02}") for n in range(PER_HOUR + 5)]
    caja.see(*stores)
    sent = caja.send()
    assert len(sent) == PER_HOUR
    assert sent[-1] == "6 avisos reunidos, 6 siguen"
    caja.see()
    assert caja.send() == []
    caja.now += timedelta(hours=1)
    caja.see()
    (titulo,) = caja.send()
    assert titulo == f"{len(stores)} avisos reunidos, todo resuelto"
    (cuerpo,) = caja.rows("SELECT cuerpo FROM mensajes ORDER BY id DESC LIMIT 1")[0]
    assert f"{len(stores)} retenidos para no inundar" in cuerpo


def test_crash_before_sending(caja: Caja, tmp_path: Path) -> None:
    """Recorded, then the process dies: the next one sends it, once."""
    caja.see(causa("klk"))
    again = Caja(tmp_path)
    again.see(causa("klk"))
    assert again.send() == [KLK]
    assert again.send() == []


def test_crash_while_sending(caja: Caja, tmp_path: Path) -> None:
    """Claimed, then the process dies: the next one gives it back, and sends it."""
    caja.see(causa("klk"))
    assert caja.deliveries.claim("slack", caja.now, at_once=False) is not None
    again = Caja(tmp_path)
    again.now = caja.now
    assert again.send() == []
    assert again.deliveries.recover() == 1
    assert again.send() == [KLK]
    assert again.deliveries.recover() == 0


def test_retries(caja: Caja) -> None:
    """A channel that fails is asked again after a while, in order, and given up after a day."""
    caja.see(causa("klk"))
    caja.see(causa("klk"), causa("disco"))
    assert caja.send(tomado=False) == [KLK]
    assert caja.send() == []
    caja.now += MINUTE
    assert caja.send(tomado=False) == [KLK]
    caja.now += timedelta(hours=24)
    assert caja.send(tomado=False) == [KLK]
    assert caja.send() == ["El disco está casi lleno"]


def test_refusals(caja: Caja) -> None:
    """A channel that says no is asked three times."""
    caja.see(causa("klk"))
    for _ in range(3):
        assert caja.send(tomado=False, permanente=True) == [KLK]
        caja.now += timedelta(hours=1)
    assert caja.send() == []
    assert caja.rows("SELECT estado, intentos FROM entregas") == [("abandonada", 3)]


def test_summary_is_written_once(caja: Caja) -> None:
    """However often its hour is seen to have come."""
    outbox = Outbox(caja.store, caja.canales, REDACTOR)
    for _ in range(2):
        outbox.write_summary(date(2025, 11, 16), Texto("Resumen", "…"), caja.now)
    assert outbox.summarised(date(2025, 11, 16))
    assert not outbox.summarised(date(2025, 11, 17))
    assert caja.send() == ["Resumen"]


CLAVES = ("klk", "tienda:tienda_01", "tienda:tienda_08", "disco", "bd_ocupada", "silencio:tienda_17", "snapshot")


@given(
    st.lists(
        st.tuples(st.frozensets(st.sampled_from(CLAVES)), st.booleans(), st.booleans(), st.integers(0, 90)),
        max_size=15,
    )
)
def test_any_story(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[frozenset[str], bool, bool, int]]
) -> None:
    """Whatever comes and goes, in quiet hours or out of them, with a channel that works or does not.

    Never more messages than beginnings and ends; no message twice; never more than the limit within an hour; and once
    all is over and told, every cause has ended once.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SYNCHRONOUS", "OFF")  # a story is a hundred transactions
        caja = Caja(tmp_path_factory.mktemp("caja"))
        opened = closed = 0
        for claves, quiet, works, minutes in story:
            caja.now += timedelta(minutes=minutes)
            cambios = caja.see(*(causa(clave) for clave in claves), quiet=quiet)
            opened += len(cambios.abiertas)
            closed += len(cambios.cerradas)
            caja.send(tomado=works)
        for _ in range(3):
            caja.now += timedelta(hours=2)
            closed += len(caja.see().cerradas)
            caja.send()
    assert opened == closed
    assert len(caja.sent) <= opened + closed
    assert caja.rows("SELECT count(*) FROM causas WHERE cerrada IS NULL OR NOT contada") == [(0,)]
    assert caja.rows("SELECT count(*) FROM entregas WHERE estado NOT IN ('enviada', 'anulada')") == [(0,)]
    taken = caja.rows("SELECT count(*) FROM entregas WHERE estado = 'enviada'")
    assert taken == [(len(caja.sent),)]
    created = [datetime.fromisoformat(row[0]) for row in caja.rows("SELECT creado FROM mensajes ORDER BY id")]
    hour = timedelta(hours=1)
    assert all(created[n + PER_HOUR] - created[n] >= hour for n in range(len(created) - PER_HOUR))
