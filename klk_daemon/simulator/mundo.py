"""The world behind the API: stores, articles and sales, all made from one seed."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from klk_daemon.simulator import inventario, oraculo
from klk_daemon.simulator.catalogo import Articulo, catalogo
from klk_daemon.simulator.facturas import Factura, Linea
from klk_daemon.simulator.instantes import Dia, ticks
from klk_daemon.simulator.inventario import Existencia
from klk_daemon.simulator.reloj import Reloj
from klk_daemon.simulator.tiendas import Almacen, Tienda
from klk_daemon.simulator.tiendas import tiendas as first_tiendas
from klk_daemon.simulator.ventas import NUNCA, Parte, Sucesos, dia_de_ventas

_MOST_BODIES_KEPT = 64  # article lists, about 1 MB each


@dataclass(frozen=True, slots=True)
class Inventario:
    """A warehouse's article rows at an instant: joined by commas, ready to be sent, and how many they are."""

    filas: bytes
    cuantas: int


class Mundo:
    """What the server knows, and when. The same arguments give the same world, in any process.

    Every method may be called from any thread. Instants (`en`) are aware datetimes; without one the
    world's clock is asked. Local times are those of `zona`.

    Args:
        seed: everything random hangs on it.
        tiendas: how many stores (the four of klk-api.md first), or the stores themselves.
        articulos: articles in a full warehouse; inactive warehouses hold a share of that.
        lineas_por_dia: sale lines of a store in a day, ± 5 %; 0 for none.
        zona: the stores' time zone.
        clock: asked for the time (aware) at every request; default: the machine's.
        tardias: share of the invoices that arrive late, and how late at most.
        anuladas: share that vanishes, and how long after its arrival at most.
        corregidas: share that comes back with other values, and how long after its arrival at most.
        lista_desnuda: `articulos/almacen` answers the bare list, as older servers do.
        lineas_en_memoria: days made are kept up to so many lines, about 1.6 kB each.
        rango_continuo: `ventas` treats dates and times as one range, as some servers do (trap 2).

    Raises:
        ValueError: a number of stores, a share or a time that makes no sense.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        tiendas: int | Sequence[Tienda] = 4,
        articulos: int = 3858,
        lineas_por_dia: int = 5800,
        zona: str = "America/Caracas",
        clock: Callable[[], datetime] | Reloj | None = None,
        tardias: Parte = NUNCA,
        anuladas: Parte = NUNCA,
        corregidas: Parte = NUNCA,
        lista_desnuda: bool = False,
        rango_continuo: bool = False,
        lineas_en_memoria: int = 150_000,
    ) -> None:
        if articulos < 0 or lineas_por_dia < 0:
            raise ValueError(f"numbers of 0 or more: {articulos} articles, {lineas_por_dia} lines a day")
        self.seed = seed
        self.tiendas = first_tiendas(tiendas) if isinstance(tiendas, int) else tuple(tiendas)
        self.articulos = articulos
        self.lineas_por_dia = lineas_por_dia
        self.zona = ZoneInfo(zona)
        self.clock = clock if isinstance(clock, Reloj) else Reloj(clock)
        self.sucesos = Sucesos(tardias, anuladas, corregidas)
        self.lista_desnuda = lista_desnuda
        self.rango_continuo = rango_continuo
        self._tiendas = {tienda.sucursal: tienda for tienda in self.tiendas}
        self._almacenes = {almacen.codigo: almacen for tienda in self.tiendas for almacen in tienda.almacenes}
        self._lock = threading.RLock()
        self._catalogo: tuple[Articulo, ...] | None = None
        self._surtidos: dict[str, tuple[Existencia, ...]] = {}
        self._inventarios: OrderedDict[tuple[str, int], Inventario] = OrderedDict()
        self._dias: OrderedDict[tuple[str, date], tuple[tuple[Factura, ...], int]] = OrderedDict()
        self._most_lines_kept = lineas_en_memoria
        self._lines_kept = 0

    def now(self) -> datetime:
        """The world's time, in the stores' zone."""
        return self.clock.now().astimezone(self.zona)

    def set_now(self, now: datetime, *, factor: float | None = None) -> None:
        """Sets the clock; a naive time is the stores' local time. It stands, unless `factor` is given."""
        self.clock.set_now(self.aware(now), factor=factor)

    def aware(self, instant: datetime) -> datetime:
        """`instant`, in the stores' zone where it named none."""
        return instant if instant.tzinfo is not None else instant.replace(tzinfo=self.zona)

    def tienda(self, sucursal: str) -> Tienda | None:
        """The store of a code, exactly as spelled."""
        return self._tiendas.get(sucursal)

    def almacen(self, codigo: str) -> Almacen | None:
        """The warehouse of a code, exactly as spelled."""
        return self._almacenes.get(codigo)

    def sucursal_de(self, almacen: str) -> str | None:
        """The code of the store that a warehouse belongs to."""
        for tienda in self.tiendas:
            if any(own.codigo == almacen for own in tienda.almacenes):
                return tienda.sucursal
        return None

    def existencias(self, almacen: str, en: datetime | None = None) -> dict[str, float]:
        """Quantity by article code that a perfect client holds for a warehouse; empty for an unknown one."""
        slot = inventario.slot_of(ticks(en or self.clock.now()))
        return {row.articulo.codigo: row.at(slot) for row in self._surtido(almacen)}

    def inventario(self, almacen: str, en: datetime) -> Inventario:
        """A warehouse's rows as the API sends them; none for an unknown code."""
        key = almacen, inventario.slot_of(ticks(en))
        with self._lock:
            if (kept := self._inventarios.get(key)) is None:
                rows = self._surtido(almacen)
                kept = Inventario(inventario.render(rows, key[1]), len(rows))
                self._inventarios[key] = kept
            self._inventarios.move_to_end(key)
            while len(self._inventarios) > _MOST_BODIES_KEPT:
                self._inventarios.popitem(last=False)
            return kept

    def facturas(self, sucursal: str, fecha: date) -> tuple[Factura, ...]:
        """A store's invoices of a local day, whenever they arrive, by `hora`; none for an unknown store."""
        tienda = self._tiendas.get(sucursal)
        if tienda is None:
            return ()
        key = sucursal, fecha
        with self._lock:
            if (kept := self._dias.get(key)) is None:
                kept = self._dias[key] = self._dia(tienda, fecha)
                self._lines_kept += kept[1]
            self._dias.move_to_end(key)
            while self._lines_kept > self._most_lines_kept and len(self._dias) > 1:
                self._lines_kept -= self._dias.popitem(last=False)[1][1]
            return kept[0]

    def lineas(self, sucursal: str, desde: datetime, hasta: datetime, en: datetime | None = None) -> list[Linea]:
        """The lines that the API shows at `en` for sales in [desde, hasta); see `oraculo`."""
        limits = ticks(self.aware(desde)), ticks(self.aware(hasta))
        return oraculo.lineas(self.facturas, sucursal, self.zona, limits, ticks(en or self.clock.now()))

    def oraculo(
        self, sucursal: str, desde: datetime, hasta: datetime, en: datetime | None = None
    ) -> list[dict[str, Any]]:
        """What a perfect client holds at `en` of the sales in [desde, hasta): the lines as on the wire.

        Late invoices are missing before their arrival, annulled ones from their annulment on, corrected ones
        have the values of that instant. Naive limits are the stores' local time.
        """
        return oraculo.wire(self.lineas(sucursal, desde, hasta, en))

    def dia(self, fecha: date) -> tuple[datetime, datetime]:
        """The local day `fecha` as the limits that `oraculo` takes."""
        begin = datetime.combine(fecha, datetime.min.time(), tzinfo=self.zona)
        end = datetime.combine(fecha + timedelta(days=1), datetime.min.time(), tzinfo=self.zona)
        return begin, end

    def _surtido(self, almacen: str) -> tuple[Existencia, ...]:
        known = self._almacenes.get(almacen)
        if known is None:
            return ()
        with self._lock:
            if (kept := self._surtidos.get(almacen)) is None:
                if self._catalogo is None:
                    # A tenth more than a warehouse holds, so that no two warehouses hold the same.
                    self._catalogo = catalogo(self.seed, self.articulos + self.articulos // 10)
                kept = inventario.surtido(self.seed, known, self._catalogo, self.articulos)
                self._surtidos[almacen] = kept
            return kept

    def _dia(self, tienda: Tienda, fecha: date) -> tuple[tuple[Factura, ...], int]:
        shelves = [(almacen, [row.articulo for row in self._surtido(almacen.codigo)]) for almacen in tienda.activos]
        dia = Dia.of(fecha, self.zona)
        made = dia_de_ventas(
            self.seed,
            tienda.sucursal,
            dia,
            shelves,
            lineas_por_dia=self.lineas_por_dia,
            sucesos=self.sucesos,
        )
        return made, sum(len(factura.lineas) + len(factura.lineas_corregidas) for factura in made)
