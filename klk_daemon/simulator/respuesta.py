"""An answer before it becomes bytes."""

import json
from dataclasses import dataclass
from typing import Any

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


def compact(content: object) -> str:
    """`content` as JSON text without a blank, as JavaScript writes it."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Listado:
    """Rows with what is told about them.

    `filas` are JSON objects joined by commas; `cuantas` of them. `meta` is None for the bare list of older
    servers; else `total` names its key that counts the rows.
    """

    clave: str
    total: str
    meta: dict[str, Any] | None
    filas: bytes
    cuantas: int

    def pieces(self) -> list[bytes]:
        """The body, in pieces: the rows are not copied."""
        if self.meta is None:
            return [b"[", self.filas, b"]"]
        return [f'{{"meta":{compact(self.meta)},"{self.clave}":['.encode(), self.filas, b"]}"]

    def decoded(self) -> list[dict[str, Any]]:
        """The rows as objects, for a fault that alters them."""
        rows: list[dict[str, Any]] = json.loads(b"[" + self.filas + b"]")
        return rows


@dataclass(frozen=True, slots=True)
class Respuesta:
    """Status, headers and body; `tipo` is the Content-Type."""

    cuerpo: Listado | tuple[bytes, ...]
    status: int = 200
    tipo: str = JSON
    cabeceras: tuple[tuple[str, str], ...] = ()

    def pieces(self) -> list[bytes]:
        """The body, in pieces."""
        return self.cuerpo.pieces() if isinstance(self.cuerpo, Listado) else list(self.cuerpo)


def json_answer(content: object, status: int = 200) -> Respuesta:
    """`content` as JSON."""
    return Respuesta((compact(content).encode(),), status)


def error_answer(message: str) -> Respuesta:
    """An application error, as the server tells it: HTTP 200 (klk-api.md, Endpoints)."""
    return json_answer({"error": message})


def html_answer(status: int, message: str, cabeceras: tuple[tuple[str, str], ...] = ()) -> Respuesta:
    """A page, as the framework or a proxy in front of the server sends it."""
    page = (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>Error</title></head>\n"
        f"<body><pre>{message}</pre></body></html>\n"
    )
    return Respuesta((page.encode(),), status, HTML, cabeceras)
