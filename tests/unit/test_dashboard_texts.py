"""The dashboard's words: every phrase that a page asks for is there, in both languages, and none is left over."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from klk_daemon.domain import Job
from klk_daemon.web.dashboard import textos
from klk_daemon.web.dashboard.frases import FRASES
from klk_daemon.web.dashboard.textos import EN, ES, Textos

FOLDER = Path(textos.__file__).parent
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for path in [*FOLDER.glob("*.py"), *FOLDER.glob("templates/*")]
    if path.stem not in {"textos", "frases"}
)
OWN = "\n".join((FOLDER / "textos.py").read_text(encoding="utf-8").split("class Textos")[1:])
# Put together from a value of the database and what stands before it.
MADE = re.compile(r"(causa|hacer|corrida|que)_\w+|exitoso|fallido|atrasado|sin_dato|agregada|actualizada|eliminada")
AHORA = datetime.fromisoformat("2025-11-17T14:30")


def test_every_phrase_is_asked_for() -> None:
    """What stands in the list stands in a page or a rule, too."""
    unused = [
        key for key in FRASES if f'"{key}"' not in SOURCES + OWN and not MADE.fullmatch(key) and key not in set(Job)
    ]
    assert unused == []


def test_every_asked_phrase_is_there() -> None:
    """What a page asks for by name is in the list."""
    asked = set(re.findall(r'\bt\(\s*"(\w+)"', SOURCES))
    assert len(asked) > 60
    assert sorted(key for key in asked if key not in FRASES and not key.endswith("_")) == []


@pytest.mark.parametrize("key", FRASES)
def test_both_languages_say_the_same(key: str) -> None:
    """Both fill in the same values, and neither is empty."""
    spanish, english = FRASES[key]
    assert spanish
    assert english
    assert set(re.findall(r"{(\w+)}", spanish)) == set(re.findall(r"{(\w+)}", english))


def test_numbers_and_lists() -> None:
    """As people write them in each language."""
    assert Textos(ES).numero(1234.5, 2) == "1.234,50"
    assert Textos(EN).numero(1234.5, 2) == "1,234.50"
    assert Textos(ES).lista(["A", "B", "C"]) == "A, B y C"
    assert Textos(EN).lista(["A"]) == "A"


def test_times() -> None:
    """The time of day, with the day where it is not today."""
    t = Textos(ES)
    assert t.momento(AHORA, AHORA) == "14:30"
    assert t.momento(AHORA - timedelta(days=1), AHORA) == "ayer 14:30"
    assert t.momento(AHORA - timedelta(days=9), AHORA) == "8 nov 14:30"
    assert t.momento(None, AHORA) == "nunca"
    assert t.desde(AHORA, AHORA) == "desde las 14:30"
    assert Textos(EN).desde(AHORA - timedelta(days=1), AHORA) == "since yesterday 14:30"
    assert t.dia_semana(date(2025, 11, 17)) == "lunes 17 nov"


def test_an_unknown_value_is_shown_as_it_is() -> None:
    """An older pipeline may have written anything."""
    assert Textos(ES).nombre("exitoso", "corrida_") == "exitosa"
    assert Textos(ES).nombre("ok?", "corrida_") == "ok?"
