"""What people read, in Spanish: what is wrong, where, since when, what is touched, and what to do. Pure.

Written for a person who is woken at three: the answer first, and the command to type.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from klk_daemon.alerts.causa import Causa, Familia, Lugar
from klk_daemon.domain import Job
from klk_daemon.windows import local

HOLDER = re.compile(r"was held by (?P<who>.+? \(pid \d+\))")
DETAIL_CHARS = 400
# A list longer than this says how many more there are.
LISTED = 6

TITLES: dict[Familia, str] = {
    Familia.KLK: "KLK no responde bien",
    Familia.TIENDA: "{tiendas}: falla esta tienda",
    Familia.SNAPSHOT: "{tiendas}: inventario o ventas rechazados por sospechosos",
    Familia.BASE_OCUPADA: "La base de datos está ocupada por otro programa",
    Familia.BASE_FALLA: "La base de datos no se puede abrir o escribir",
    Familia.CORTADA: "Las corridas se cortan antes de terminar",
    Familia.ATRASO: "Datos atrasados: no hay corridas",
    Familia.SILENCIO: "{tiendas}: sin ventas a una hora en que normalmente vende",
    Familia.RECHAZOS: "{tiendas}: filas apartadas porque no se pueden cargar",
    Familia.SOLAPE: "{tiendas}: las ventas llegan más tarde de lo esperado",
    Familia.DISCO: "El disco está casi lleno",
}

REMEDIES: dict[Familia, str] = {
    Familia.KLK: "No se pierde nada: cuando KLK vuelva, la siguiente corrida lee todo lo que faltó. Si dura, avise a"
    " quien cuida KLK. Revise con `klk-daemon check`.",
    Familia.TIENDA: "Las demás tiendas no fallan. Compare la sucursal y los almacenes con los de KLK: `klk-daemon"
    " check`. El historial: `klk-daemon runs --tienda {una} -v`.",
    Familia.SNAPSHOT: "Se conservan los datos anteriores. Si de verdad la tienda tiene tan pocos artículos:"
    " `klk-daemon trigger inventario --tienda {una} --aceptar`. Si no, avise a quien cuida KLK; `klk-daemon check`"
    " revisa los códigos de los almacenes.",
    Familia.BASE_OCUPADA: "Cierre el programa que la tiene abierta{quien}. `klk-daemon check` dice quién es. La"
    " siguiente corrida repone lo que faltó.",
    Familia.BASE_FALLA: "Revise disco y permisos con `klk-daemon check`. Lo que estaba guardado está a salvo; la"
    " siguiente corrida repone lo demás.",
    Familia.CORTADA: "Vea por qué: `klk-daemon runs --estado fallido -v` y `klk-daemon logs --errors --since 2h`. Si"
    " se acaba el plazo, suba schedule.run_timeout_s.",
    Familia.ATRASO: "Ninguna corrida falla, pero tampoco termina bien ninguna: vea si el servicio está en marcha con"
    " `klk-daemon service status` y `klk-daemon status`. Para correr ya: `klk-daemon trigger {trabajo}`.",
    Familia.SILENCIO: "KLK contesta y no trae ventas. Pregunte en la tienda si está abierta y si las cajas envían a"
    " KLK. Si hoy no se trabaja, no hay nada que hacer. `klk-daemon status` muestra la última venta.",
    Familia.RECHAZOS: "Las demás filas se cargaron. Estas se corrigen en KLK; están enteras, con el motivo, en la"
    " tabla filas_rechazadas: `klk-daemon logs --tienda {una} --since 2h`.",
    Familia.SOLAPE: "`conciliacion` ya las repuso. Para que `ventas` las lea a tiempo, suba ventas.overlap_min por"
    " encima de lo que dice el detalle.",
    Familia.DISCO: "Haga espacio en ese disco. `klk-daemon check` dice cuánto falta.",
}


@dataclass(frozen=True, slots=True)
class Texto:
    """A message: its title and its body."""

    titulo: str
    cuerpo: str


REFUSED_DAY = (
    "Se conservan las ventas que había; la próxima conciliacion lo intenta otra vez. Si se repite, avise a quien cuida"
    " KLK: contesta con muchas menos líneas que antes. `klk-daemon certificados` muestra los días abiertos."
)

# KLK cannot be asked, and it is not KLK's fault.
NO_CONNECTION: dict[Lugar, Texto] = {
    Lugar.RED: Texto(
        "No hay conexión con KLK",
        "Revise la red entre esta máquina y KLK (internet, VPN, DNS, cortafuegos): `klk-daemon check`. No se pierde"
        " nada: cuando vuelva, la siguiente corrida lee todo lo que faltó.",
    ),
    Lugar.MAQUINA: Texto(
        "Esta máquina no tiene red",
        "Revise el cable, el wifi o el router de esta máquina: `klk-daemon check`. No se pierde nada: cuando vuelva, la"
        " siguiente corrida lee todo lo que faltó.",
    ),
}


@dataclass(frozen=True, slots=True)
class Redactor:
    """Writes for one installation.

    Attributes:
        nombres: store id to its name for people.
        zona: the stores' time zone.
        maquina: this machine's name, for those who have several.
    """

    nombres: Mapping[str, str]
    zona: ZoneInfo
    maquina: str

    def titulo(self, causa: Causa) -> str:
        """A cause in a few words."""
        if causa.familia is Familia.KLK and causa.lugar in NO_CONNECTION:
            return NO_CONNECTION[causa.lugar].titulo
        return TITLES[causa.familia].format(tiendas=self._cuales(causa))

    def alerta(self, causa: Causa, now: datetime) -> Texto:
        """A cause that begins."""
        return Texto(self.titulo(causa), self.cuerpo(causa, now))

    def cuerpo(self, causa: Causa, now: datetime) -> str:
        """A cause in full."""
        lines = [
            f"Dónde está la falla: {self._donde(causa)}",
            f"Desde: {self.hora(causa.desde)} (hace {duration(now - causa.desde)})",
            f"Afecta: {self._afecta(causa)}",
            f"Qué hacer: {self._que_hacer(causa)}",
        ]
        if causa.detalle:
            lines.append(f"Detalle: {causa.detalle[:DETAIL_CHARS]}")
        return "\n".join([*lines, f"Máquina: {self.maquina}"])

    def resuelto(self, causa: Causa, fin: datetime, *, paused: bool) -> Texto:
        """A cause that has ended, or is not looked at any more."""
        state = "En pausa" if paused else "Resuelto"
        return Texto(
            f"{state}: {self.titulo(causa)}",
            "\n".join(
                [
                    "Los trabajos afectados están en pausa: deja de vigilarse." if paused else "Ya pasó.",
                    f"Desde: {self.hora(causa.desde)}",
                    f"Hasta: {self.hora(fin)}",
                    f"Duró: {duration(fin - causa.desde)}",
                    f"Afectó: {self._afecta(causa)}",
                    f"Máquina: {self.maquina}",
                ]
            ),
        )

    def linea(self, causa: Causa, fin: datetime | None) -> str:
        """A cause in one line, ended at `fin` or not."""
        since = f"{self.titulo(causa)}, desde {self.hora(causa.desde)}"
        return f"{since} hasta {self.hora(fin)} ({duration(fin - causa.desde)})" if fin else f"{since}, sigue"

    def reunidos(self, lines: Sequence[str], open_: Sequence[Causa], now: datetime, *, quiet: int, held: int) -> Texto:
        """Several in one: what happened in quiet hours, and what was held back to be no flood.

        Args:
            lines: one for each.
            open_: the causes among them that hold still, to be told in full.
            now: the instant.
            quiet: how many are of quiet hours.
            held: how many were held back.
        """
        why = []
        if quiet:
            why.append(f"{quiet} durante las horas de silencio")
        if held:
            why.append(f"{held} retenidos para no inundar (límite por hora)")
        state = f"{len(open_)} sigue{'n' if len(open_) != 1 else ''}" if open_ else "todo resuelto"
        body = [f"Avisos reunidos: {', '.join(why)}.", *(f"- {line}" for line in lines)]
        for causa in open_[:LISTED]:
            body += ["", f"SIGUE: {self.titulo(causa)}", self.cuerpo(causa, now)]
        return Texto(f"{len(lines)} avisos reunidos, {state}", "\n".join(body))

    def prueba(self, now: datetime) -> Texto:
        """To see that a channel works."""
        return Texto(
            "Prueba de klk-daemon",
            f"Este canal recibe los avisos de klk-daemon. Enviado el {self.hora(now)} (hora de las tiendas).\n"
            f"Tiendas: {self._lista(list(self.nombres))}\nMáquina: {self.maquina}",
        )

    def hora(self, instante: datetime) -> str:
        """An instant by the stores' clock."""
        return f"{local(instante, self.zona):%Y-%m-%d %H:%M}"

    def nombre(self, id_: str) -> str:
        """A store for people, with the id that commands want."""
        nombre = self.nombres.get(id_, id_)
        return id_ if nombre == id_ else f"{nombre} ({id_})"

    def _cuales(self, causa: Causa) -> str:
        if len(causa.tiendas) == causa.activas > 1:
            return "Todas las tiendas"
        return self._lista(causa.tiendas)

    def _lista(self, ids: Sequence[str]) -> str:
        shown = ", ".join(self.nombre(id_) for id_ in ids[:LISTED])
        return shown if len(ids) <= LISTED else f"{shown} y {len(ids) - LISTED} más"

    def _que_hacer(self, causa: Causa) -> str:
        if causa.familia is Familia.KLK and causa.lugar in NO_CONNECTION:
            return NO_CONNECTION[causa.lugar].cuerpo
        if causa.familia is Familia.SNAPSHOT and causa.jobs == (Job.CONCILIACION,):
            return REFUSED_DAY
        who = HOLDER.search(causa.detalle)
        return REMEDIES[causa.familia].format(
            una=causa.tiendas[0] if causa.tiendas else "TIENDA",
            quien=f": {who['who']}" if who else "",
            trabajo=causa.jobs[0] if len(causa.jobs) == 1 else "todo",
        )

    def _donde(self, causa: Causa) -> str:
        if causa.lugar is Lugar.TIENDA and causa.tiendas:
            return f"una tienda: {self._lista(causa.tiendas)}"
        if causa.lugar is Lugar.RED:
            return "la red entre esta máquina y KLK"
        if causa.lugar is Lugar.MAQUINA and causa.familia is Familia.KLK:
            return "esta máquina: no tiene red"
        if causa.lugar is Lugar.KLK:
            return "KLK (el servidor, no una tienda)"
        return str(causa.lugar)

    def _afecta(self, causa: Causa) -> str:
        jobs = ", ".join(causa.jobs)
        return f"{jobs} — {len(causa.tiendas)} de {causa.activas} tiendas: {self._lista(causa.tiendas)}"


def duration(span: timedelta) -> str:
    """For people: `2 d 3 h`, `1 h 10 min`, `menos de un minuto`."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "menos de un minuto"
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes if not days else 0, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
