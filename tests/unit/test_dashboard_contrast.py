"""The dashboard's colours: text keeps a contrast of 4.5:1 or better in both schemes (WCAG 2, AA)."""

import re
from importlib import resources

import pytest

CSS = resources.files("klk_daemon.web.dashboard").joinpath("static/tablero.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root {(.*?)}", CSS, re.DOTALL)
)
# Text, and what it stands on.
PAIRS = [
    *((text, ground) for text in ("tinta", "tenue", "enlace", "bien", "mal", "aviso") for ground in ("papel", "fondo")),
    *((state, f"{state}-papel") for state in ("bien", "mal", "aviso")),
    *((text, "mal-papel") for text in ("tinta", "tenue", "enlace")),
    *(("sobre", f"frase-{state}") for state in ("bien", "mal", "aviso", "nuevo")),
    ("tinta", "nuevo-papel"),
    ("mal", "nuevo-papel"),
    ("papel", "mal"),
    ("papel", "aviso"),
    ("boton-tinta", "boton"),
    ("fondo", "tinta"),
]


def luminance(color: str) -> float:
    """Relative luminance of `#rrggbb`."""
    channels = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("text", "ground"), PAIRS)
@pytest.mark.parametrize("scheme", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])
def test_contrast(scheme: dict[str, str], text: str, ground: str) -> None:
    """Each text can be read on what it stands on."""
    darker, lighter = sorted((luminance(scheme[text]), luminance(scheme[ground])))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
