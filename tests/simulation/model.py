"""What must hold after every run, and what a store must hold by then. Knows the promise, not the program."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from klk_daemon.domain import Intervalo, Job, Tienda
from klk_daemon.simulator import Mundo
from klk_daemon.simulator.instantes import ticks
from klk_daemon.windows import unir

from . import answers, ledger, stock
from .bench import OVERLAP, TIENDAS, Banco, Corrida
from .snapshot import Foto
from .truth import Clave, Verdad, Vida, medianoche, resta
from .violation import exigir, nunca

ORIGEN = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Modelo:
    """What is known of the stores so far.

    Attributes:
        leido: until when (true time) a store's sales were read without a gap, by its runs of `ventas`.
        adelantada: stores that were read by a clock that ran ahead: only the contract's window is promised to them
            until they are read by a right one, and `conciliacion` does the rest.
        exigidas: lines that a store must hold, at least in that version.
        borradas: lines that a `conciliacion` has recorded as gone.
        ultima: when the last run was.
    """

    banco: Banco
    verdad: Verdad
    leido: dict[str, datetime] = field(default_factory=dict)
    adelantada: set[str] = field(default_factory=set)
    exigidas: dict[str, dict[Clave, int]] = field(default_factory=lambda: defaultdict(dict))
    borradas: set[tuple[str, Clave]] = field(default_factory=set)
    ultima: datetime = ORIGEN
    libro: ledger.Libro = field(default_factory=ledger.Libro)

    @property
    def mundo(self) -> Mundo:
        """The world."""
        return self.banco.mundo

    def revisar(self, c: Corrida) -> None:
        """Checks everything after a run.

        Raises:
            Violacion: something does not hold.
        """
        self.ultima = c.t
        self.libro.revisar(c, self.banco)
        self._peticiones(c)
        if c.apuros.ensayo:
            exigir(_sin_libro(c.antes) == _sin_libro(c.despues), "dry-run writes nothing")
            return
        self._quietas(c)
        if c.job is Job.INVENTARIO:
            stock.revisar(self.mundo, c)
        self._correcciones(c)
        for tienda in c.tiendas:
            self._exigir_mas(c, tienda)
            self._marca(c, tienda)
        for id_ in c.despues.ventas.keys() | {t.id for t in c.tiendas}:
            self._tabla(c, id_)
        for tienda in c.tiendas:
            self._conteo(c, tienda)
        self._certificados(c)

    def _peticiones(self, c: Corrida) -> None:
        for registro, datos in answers.pedidas(self.mundo, c, answers.VENTAS):
            exigir(not answers.cruza_medianoche(datos), "a request is about one day", registro.cuerpo)

    def _quietas(self, c: Corrida) -> None:
        """A store that is not in the run, or a table that is not the job's, does not change."""
        dentro = {t.id for t in c.tiendas}
        for tienda in c.antes.ventas.keys() | c.despues.ventas.keys():
            if c.job is Job.INVENTARIO or tienda not in dentro:
                exigir(c.antes.de(tienda) == c.despues.de(tienda), "a run touches its own stores and tables", tienda)
                iguales = c.antes.cobertura.get(tienda) == c.despues.cobertura.get(tienda)
                exigir(iguales, "a run touches its own stores and tables", tienda)
        if c.job is not Job.INVENTARIO:
            exigir(c.antes.stock == c.despues.stock, "a run touches its own stores and tables", "stock")

    def _correcciones(self, c: Corrida) -> None:
        nuevas = c.despues.correcciones[len(c.antes.correcciones) :]
        exigir(c.antes.correcciones == c.despues.correcciones[: len(c.antes.correcciones)], "corrections stay")
        at = ticks(c.t)
        for tienda in c.antes.ventas.keys() | c.despues.ventas.keys():
            antes, despues = c.antes.de(tienda), c.despues.de(tienda)
            pasaron = {
                *((clave, "eliminada") for clave in antes.keys() - despues.keys()),
                *((clave, "agregada") for clave in despues.keys() - antes.keys()),
                *((clave, "actualizada") for clave in antes.keys() & despues.keys() if antes[clave] != despues[clave]),
            }
            dichas = [(n.clave, n.tipo) for n in nuevas if n.tienda == tienda]
            exigir(len(dichas) == len(set(dichas)), "a difference is recorded once", dichas)
            if c.job is Job.CONCILIACION:
                exigir(
                    pasaron == set(dichas),
                    "conciliacion records each difference",
                    pasaron.symmetric_difference(dichas),
                )
            else:
                exigir(not dichas, "only conciliacion records corrections", dichas)
                exigir(antes.keys() <= despues.keys(), "only conciliacion deletes", antes.keys() - despues.keys())
            for clave in antes.keys() - despues.keys():
                vida = self._vida(tienda, clave, antes[clave].fecha)
                exigir(vida.muerta(at), "what the API has is not deleted", (tienda, clave))
                self.borradas.add((tienda, clave))

    def _vida(self, tienda: str, clave: Clave, fecha: str) -> Vida:
        vida = self.verdad.dia(_sucursal(tienda), datetime.fromisoformat(fecha).date()).get(clave)
        return vida if vida is not None else nunca("no line that the API never had", (tienda, clave, fecha))

    def _exigir_mas(self, c: Corrida, tienda: Tienda) -> None:
        """What this run must have brought."""
        parte = c.partes.get(tienda.id)
        mintio = answers.mintio(self.mundo, c, tienda.sucursal)
        mas: dict[Clave, int] = {}
        antes, despues = (f.cobertura.get(tienda.id, []) for f in (c.antes, c.despues))
        pedidos = unir(
            answers.intervalo_pedido(self.mundo, datos)
            for _, datos in answers.pedidas(self.mundo, c, answers.VENTAS)
            if datos["sucursal"] == tienda.sucursal
        )
        nueva = resta(despues, antes)
        exigir(not resta(nueva, pedidos), "coverage claims only what was asked and answered", resta(nueva, pedidos))
        if not mintio:
            for intervalo in nueva:
                mas |= self.verdad.vendidas(tienda.sucursal, intervalo, c.t)
        if parte is not None and parte.error is None and c.job is Job.VENTAS:
            intervalo, tardanza = self._prometido(c, tienda)
            prometidas = self.verdad.vendidas(tienda.sucursal, intervalo, c.t, tardanza=tardanza)
            if not mintio:
                mas |= prometidas
        if c.now > c.t and c.despues.marcas.get(tienda.id) != c.antes.marcas.get(tienda.id):
            self.adelantada.add(tienda.id)
        for clave in answers.ilegibles(self.mundo, c, tienda.sucursal):
            mas.pop(clave, None)
        exigidas = self.exigidas[tienda.id]
        exigidas |= {clave: max(version, exigidas.get(clave, 0)) for clave, version in mas.items()}
        if parte is not None and parte.error is None and c.job is Job.CONCILIACION and not mintio:
            self._igual(c, tienda)

    def _prometido(self, c: Corrida, tienda: Tienda) -> tuple[Intervalo, timedelta | None]:
        """The sales that a successful run of `ventas` vouches for, and how late they may have come."""
        leible = min(c.now, c.t)
        if c.trabajo.rango is not None:
            rango = c.trabajo.rango.intervalo
            return Intervalo(rango.desde, min(rango.hasta, leible)), None
        marca = c.antes.marcas.get(tienda.id)
        if tienda.id in self.adelantada:
            desde = min(marca or c.now, c.now) - OVERLAP
        elif tienda.id in self.leido:
            desde = self.leido[tienda.id] - OVERLAP
        elif filas := c.antes.de(tienda.id):
            ultima = max(f"{v.fecha}T{v.hora}" for v in filas.values())
            desde = min(marca or ORIGEN.replace(year=9000), self.mundo.aware(datetime.fromisoformat(ultima))) - OVERLAP
        else:
            desde = medianoche(c.now, self.mundo)
        desde = max(desde, medianoche(c.now, self.mundo, self.banco.max_catchup_days))
        if c.now <= c.t:
            self.adelantada.discard(tienda.id)
        self.leido[tienda.id] = max(self.leido.get(tienda.id, ORIGEN), leible)
        return Intervalo(desde, leible), OVERLAP

    def _igual(self, c: Corrida, tienda: Tienda) -> None:
        """After a `conciliacion` its days are the API's days."""
        malas = answers.ilegibles(self.mundo, c, tienda.sucursal)
        for fecha in c.trabajo.planificar(None, [tienda], c.now)[tienda.id]:
            hay = {k: v for k, v in c.despues.de(tienda.id).items() if v.fecha == str(fecha) and k not in malas}
            debe = {k: v for k, v in self.verdad.mostradas(tienda.sucursal, fecha, c.t).items() if k not in malas}
            exigir(
                hay == debe,
                "after conciliacion the day is equal",
                f"{tienda.id} {fecha}: missing {debe.keys() - hay.keys()}, extra {hay.keys() - debe.keys()},"
                f" different {[k for k in hay.keys() & debe.keys() if hay[k] != debe[k]]}",
            )
            figuras = c.despues.certificados.get((tienda.id, fecha), [])
            exigir(malas or figuras or not hay, "an equal day is certified", (tienda.id, fecha))

    def _tabla(self, c: Corrida, tienda: str) -> None:
        at = ticks(c.t)
        exigir(not c.despues.dobles, "every line once", c.despues.dobles[:5])
        filas, viejas = c.despues.de(tienda), c.antes.de(tienda)
        for clave, valor in filas.items():
            vida = self._vida(tienda, clave, valor.fecha)
            exigir(valor in vida.posibles(at), "a line says what the API said", (tienda, clave, valor))
            if clave in viejas and viejas[clave] != valor:
                exigir(valor == vida.versiones[-1], "a line never goes back to an older version", (tienda, clave))
            elif clave in viejas:
                same = c.antes.escritas[tienda, clave] == c.despues.escritas[tienda, clave]
                exigir(same, "an identical line is not rewritten", (tienda, clave))
        faltan = [k for k in self.exigidas[tienda] if k not in filas and (tienda, k) not in self.borradas]
        exigir(not faltan, "no sale is lost", (tienda, len(faltan), faltan[:5]))
        for clave, version in self.exigidas[tienda].items():
            if version and clave in filas:
                vida = self._vida(tienda, clave, filas[clave].fecha)
                exigir(filas[clave] == vida.versiones[version], "a corrected line is updated", (tienda, clave))

    def _marca(self, c: Corrida, tienda: Tienda) -> None:
        antes, despues = c.antes.marcas.get(tienda.id), c.despues.marcas.get(tienda.id)
        cubierto = c.despues.cobertura.get(tienda.id, [])
        exigir(antes is None or (despues is not None and despues >= antes), "the watermark never goes back", tienda.id)
        exigir(cubierto == unir(cubierto), "coverage is merged and disjoint", cubierto)
        if cubierto != c.antes.cobertura.get(tienda.id, []):
            exigir(cubierto[-1].hasta <= c.now, "coverage ends at the clock", (tienda.id, cubierto[-1], c.now))
        if despues is None or despues == antes:
            return
        limite = medianoche(c.now, self.mundo, self.banco.max_catchup_days)
        tramo = Intervalo(max(antes or ORIGEN, limite) if antes else despues, min(despues, c.now))
        exigir(
            not resta([tramo] if tramo.desde < tramo.hasta else [], cubierto),
            "the watermark moves over covered time only",
            (tienda.id, antes, despues, cubierto),
        )

    def _conteo(self, c: Corrida, tienda: Tienda) -> None:
        """The outcome's figures are what happened."""
        parte = c.partes.get(tienda.id)
        if parte is None or c.job is Job.INVENTARIO:
            return
        antes, despues = c.antes.de(tienda.id), c.despues.de(tienda.id)
        conteo = parte.conteo
        cambiadas = sum(1 for k in antes.keys() & despues.keys() if antes[k] != despues[k])
        dichos = (conteo.insertados, conteo.actualizados, conteo.eliminados)
        hechos = (len(despues.keys() - antes.keys()), cambiadas, len(antes.keys() - despues.keys()))
        exigir(dichos == hechos, "the outcome counts what happened", (tienda.id, dichos, hechos))
        exigir(
            conteo.extraidos <= answers.distintas(self.mundo, c, tienda.sucursal),
            "extraidos are different rows",
            (tienda.id, conteo),
        )
        exigir(
            conteo.extraidos == conteo.insertados + conteo.actualizados + conteo.sin_cambio,
            "the outcome's figures add up",
            (tienda.id, conteo),
        )

    def _certificados(self, c: Corrida) -> None:
        for (tienda, fecha), figuras in c.despues.certificados.items():
            exigir(len(figuras) == 1, "one certificate in force a day", (tienda, fecha))
            vacio = not figuras[0].lineas and (tienda, fecha) not in c.despues.figuras
            exigir(
                vacio or c.despues.figuras.get((tienda, fecha)) == figuras[0],
                "a certificate in force is the table's day",
                (tienda, fecha, figuras, c.despues.figuras.get((tienda, fecha))),
            )


def _sin_libro(foto: Foto) -> Foto:
    return replace(foto, libro={})


def _sucursal(tienda: str) -> str:
    return next(t.sucursal for t in TIENDAS if t.id == tienda)
