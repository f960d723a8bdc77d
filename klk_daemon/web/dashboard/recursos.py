"""Style, script and icon: from the package, under an address that changes with their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Recurso:
    """A file as it is served."""

    ruta: str
    tipo: str
    contenido: bytes


@cache
def recursos() -> Mapping[str, Recurso]:
    """File name to the file. Read once, when the first page is asked for."""
    found = {}
    for file in resources.files(__package__).joinpath("static").iterdir():
        contenido = file.read_bytes()
        nombre, _, tipo = file.name.rpartition(".")
        digest = hashlib.sha256(contenido).hexdigest()[:16]
        found[file.name] = Recurso(f"/static/{nombre}.{digest}.{tipo}", TYPES[tipo], contenido)
    return found


@cache
def edicion() -> str:
    """Changes when a page that is open must be loaded anew: other files, or other templates."""
    todos = [recurso.ruta for _, recurso in sorted(recursos().items())]
    templates = resources.files(__package__).joinpath("templates")
    todos += [file.read_text(encoding="utf-8") for file in sorted(templates.iterdir(), key=lambda f: f.name)]
    return hashlib.sha256("\n".join(todos).encode()).hexdigest()[:16]


async def servir(request: Request) -> Response:
    """`GET /static/...`."""
    for recurso in recursos().values():
        if recurso.ruta == request.url.path:
            return Response(recurso.contenido, media_type=recurso.tipo, headers={"Cache-Control": FOREVER})
    return PlainTextResponse("no such file\n", status_code=404)
