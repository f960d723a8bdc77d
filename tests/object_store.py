"""An object store on loopback that knows as much of S3 as DuckDB asks for; it checks who signs, not the signature."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class ObjectStore:
    """What was stored, by path, and what it was asked for. `key_id`: whose signature it takes."""

    def __init__(self, key_id: str) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.asked: list[str] = []
        self.key_id = key_id
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    store: ObjectStore
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        path, query, body = self._request()
        if "partNumber" in query:
            self.store.parts[query["uploadId"][0]][int(query["partNumber"][0])] = body
        else:
            self.store.objects[path] = body
        self._answer(200, ETag='"e"')

    def do_POST(self) -> None:
        path, query, _ = self._request()
        if "uploads" in query:
            upload = f"u{len(self.store.parts)}"
            self.store.parts[upload] = {}
            xml = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        else:
            parts = self.store.parts[query["uploadId"][0]]
            self.store.objects[path] = b"".join(parts[n] for n in sorted(parts))
            xml = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
        self._answer(200, xml.encode())

    def do_HEAD(self) -> None:
        path, _, _ = self._request()
        found = self.store.objects.get(path)
        self._answer(404 if found is None else 200, found or b"", head=True, Accept_Ranges="bytes")

    def do_GET(self) -> None:
        path, _, _ = self._request()
        found = self.store.objects.get(path)
        ranged = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if found is None:
            self._answer(404)
        elif ranged is None:
            self._answer(200, found)
        else:
            first, last = int(ranged[1]), min(int(ranged[2]), len(found) - 1)
            self._answer(206, found[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(found)}")

    def _request(self) -> tuple[str, dict[str, list[str]], bytes]:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.store.asked.append(f"{self.command} {parts.path}")
        if f"Credential={self.store.key_id}/" not in self.headers.get("Authorization", ""):
            self.store.asked.append("unsigned")
        return parts.path, parse_qs(parts.query, keep_blank_values=True), body

    def _answer(self, status: int, body: bytes = b"", *, head: bool = False, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Mon, 17 Nov 2025 12:00:00 GMT")
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
        """Nothing: the store keeps what it was asked."""


@contextmanager
def object_store(key_id: str) -> Iterator[ObjectStore]:
    """One that listens."""
    store = ObjectStore(key_id)
    handler = type("Handler", (_Handler,), {"store": store})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        store.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()
