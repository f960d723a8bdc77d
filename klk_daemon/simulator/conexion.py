"""One client's connection: requests in, answers out, one after the other."""

import asyncio
from contextlib import suppress

import h11

from klk_daemon.simulator import api, control
from klk_daemon.simulator.danos import damaged_answer
from klk_daemon.simulator.entrega import Entrega
from klk_daemon.simulator.estado import Estado
from klk_daemon.simulator.peticion import Peticion
from klk_daemon.simulator.respuesta import Listado, Respuesta, html_answer

_IDLE_S = 60.0  # how long a connection may stay silent, between requests or inside one
_MOST_HEADER = 16 * 1024
_MOST_BODY = 1 << 20
_CHUNK = 1 << 16


class _TooLargeError(Exception):
    """A request body beyond `_MOST_BODY`."""


class Conexion:
    """Serves one connection until the client leaves, a fault breaks it, or it has been silent too long."""

    def __init__(self, estado: Estado, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._estado = estado
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEADER)
        self._out = Entrega(self._h11, reader, writer)

    async def serve(self) -> None:
        """Answers requests; ends with the connection closed."""
        try:
            while await self._serve_one():
                self._h11.start_next_cycle()
        except (ConnectionError, TimeoutError):
            pass  # the client has left, or says nothing: nobody is there to be told
        finally:
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _serve_one(self) -> bool:
        """Answers the next request; whether another may follow."""
        try:
            peticion = await self._request()
        except _TooLargeError:
            await self._out.send(html_answer(413, "Payload Too Large"))
            return False
        except (h11.RemoteProtocolError, ValueError) as broken:
            if self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                status = broken.error_status_hint if isinstance(broken, h11.RemoteProtocolError) else 400
                await self._out.send(html_answer(status, "Bad Request"))
            return False
        if peticion is None:
            return False
        if control.is_for(peticion.ruta):
            respuesta = control.answer(self._estado, peticion)
            again = await self._out.send(respuesta, head_only=peticion.metodo == "HEAD")
        else:
            again = await self._answer(peticion)
        return again and self._h11.their_state is h11.DONE

    async def _answer(self, peticion: Peticion) -> bool:
        estado = self._estado
        alcance = api.alcance(estado.mundo, peticion)
        registro = estado.begin(peticion, estado.mundo.now())
        resultado = "desconectado"
        try:
            falla = estado.fallas.elegir(peticion.ruta, alcance)
            wait = estado.latencia.seconds(estado.rng, dias=alcance.dias, others=estado.under_way - 1)
            if wait:
                await asyncio.sleep(wait)
            # After the wait: the answer is as of the moment it begins, like a query's.
            respuesta = await self._ask(peticion, alcance)
            if falla is not None:
                respuesta = damaged_answer(respuesta, falla)
            registro.status = respuesta.status
            registro.filas = _rows(respuesta)
            again = await self._out.send(respuesta, falla, head_only=peticion.metodo == "HEAD")
            resultado = "ok" if falla is None else str(falla.tipo)
        except ConnectionError:
            # A client may well leave because of the fault: then that is what the log tells.
            resultado = "desconectado" if falla is None else str(falla.tipo)
            raise
        finally:
            estado.end(registro, resultado)
        return again

    async def _ask(self, peticion: Peticion, alcance: api.Alcance) -> Respuesta:
        mundo = self._estado.mundo
        if alcance.dias > 1:
            # Making many days takes seconds; the other connections go on meanwhile.
            return await asyncio.to_thread(api.answer, mundo, peticion, mundo.now())
        return api.answer(mundo, peticion, mundo.now())

    async def _request(self) -> Peticion | None:
        """The next request, whole; None where the client has left instead."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            match await self._event():
                case h11.Request() as event:
                    head = event
                case h11.Data() as event:
                    body += event.data
                    if len(body) > _MOST_BODY:
                        raise _TooLargeError
                case h11.EndOfMessage() if head is not None:
                    return Peticion.of(head.method.decode(), head.target.decode("latin-1"), bytes(body))
                case _:
                    return None

    async def _event(self) -> object:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            if self._h11.they_are_waiting_for_100_continue:
                await self._out.send_continue()
            data = await asyncio.wait_for(self._reader.read(_CHUNK), _IDLE_S)
            self._h11.receive_data(data)
        return event


def _rows(respuesta: Respuesta) -> int | None:
    return respuesta.cuerpo.cuantas if isinstance(respuesta.cuerpo, Listado) else None
