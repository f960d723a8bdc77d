"""What KLK sends, checked: the fields exactly as on the wire (klk-api.md, "An article", "A sale line").

Required are the fields of the contract ("What a run guarantees", 6); every other may be missing. Pydantic makes the
rows in one pass over the answer's bytes: typed dictionaries, a sale line flat.
"""

from datetime import date, datetime, time
from functools import cached_property
from typing import Annotated, Any, Generic, NamedTuple, Required, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

LENIENT = ConfigDict(allow_inf_nan=False)

# Bounds that the columns can hold: an absurd number is one bad row, not a store that fails.
Dinero = Annotated[float, Field(gt=-1e12, lt=1e12)]
Cantidad = Annotated[float, Field(gt=-1e14, lt=1e14)]
Entero = Annotated[int, Field(ge=0, lt=2**31)]
Codigo = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Texto = Annotated[str, StringConstraints(strip_whitespace=True)]
# Strict, or a number would pass for a count of seconds since 1970.
Fecha = Annotated[date, Field(strict=True)]
Hora = Annotated[time, Field(strict=True)]
FechaHora = Annotated[datetime, Field(strict=True)]


@with_config(LENIENT)
class Articulo(TypedDict, total=False):
    """An article of one warehouse."""

    Codigo: Required[Codigo]
    stock: Required[Cantidad]
    NombreProducto: Texto | None
    Barra: Texto | None
    Descripcion: Texto | None
    Subcategoria: Texto | None
    Descripcion_categoria: Texto | None
    Marca: Texto | None
    Precio: Dinero | None


@with_config(LENIENT)
class Producto(TypedDict, total=False):
    """`producto[0]` of a sale line."""

    codigo_producto: Required[Codigo]
    descripcion_producto: Texto | None
    marca_producto: Texto | None
    modelo_producto: Texto | None
    categoria_producto: Texto | None
    grupo_articulo: Texto | None
    subgrupo_producto: Texto | None
    codigo_barras: Texto | None


@with_config(LENIENT)
class CantidadVendida(TypedDict, total=False):
    """`cantidad[0]` of a sale line."""

    cantidad_vendida: Required[Cantidad]
    codigo_almacen: Texto | None
    nombre_almacen: Texto | None
    peso_unitario: Cantidad | None
    volumen_unitario: Cantidad | None
    unidad_medida_venta: Texto | None
    peso_calculado: Cantidad | None


@with_config(LENIENT)
class Financiero(TypedDict, total=False):
    """`financiero[0]` of a sale line. Bs and USD; `impuesto_monto` is Bs."""

    venta_total_usd: Required[Dinero]
    venta_total_bs: Dinero | None
    costo_unitario_bs: Dinero | None
    costo_unitario_usd: Dinero | None
    precio_unitario_bs: Dinero | None
    precio_unitario_usd: Dinero | None
    impuesto_porcentaje: Dinero | None
    impuesto_monto: Dinero | None
    porcentaje_descuento: Dinero | None
    monto_descuento: Dinero | None
    porcentaje_descuento_fidelizacion: Dinero | None
    monto_descuento_fidelizacion: Dinero | None
    porcentaje_descuento_forma_pago: Dinero | None
    monto_descuento_forma_pago: Dinero | None
    costo_total_bs: Dinero | None
    costo_total_usd: Dinero | None
    utilidad_bruta_bs: Dinero | None
    utilidad_bruta_usd: Dinero | None


@with_config(LENIENT)
class _LineaEnviada(TypedDict, total=False):
    numero_factura: Required[Codigo]
    linea: Required[Entero]
    fecha: Fecha | None
    hora: Hora | None
    fecha_hora_completa: FechaHora | None
    producto: Required[Annotated[list[Producto], Field(min_length=1)]]
    cantidad: Required[Annotated[list[CantidadVendida], Field(min_length=1)]]
    financiero: Required[Annotated[list[Financiero], Field(min_length=1)]]
    total_factura: Dinero | None
    tasa_usd: Dinero | None
    es_no_fiscal: bool | None
    codigo_promocion: Texto | None


class LineaVenta(NamedTuple):
    """A sale line, checked and flat: half of the memory that it takes nested, of which a day's answer holds thousands.

    `vendida` is when it was sold, to the second, in the store's local time (naive). What is missing is None.
    """

    numero_factura: str
    linea: int
    total_factura: float | None
    tasa_usd: float | None
    es_no_fiscal: bool | None
    codigo_promocion: str | None
    vendida: datetime
    # of its producto
    codigo_producto: str
    descripcion_producto: str | None
    marca_producto: str | None
    modelo_producto: str | None
    categoria_producto: str | None
    grupo_articulo: str | None
    subgrupo_producto: str | None
    codigo_barras: str | None
    # of its cantidad
    cantidad_vendida: float
    codigo_almacen: str | None
    nombre_almacen: str | None
    peso_unitario: float | None
    volumen_unitario: float | None
    unidad_medida_venta: str | None
    peso_calculado: float | None
    # of its financiero
    venta_total_usd: float
    venta_total_bs: float | None
    costo_unitario_bs: float | None
    costo_unitario_usd: float | None
    precio_unitario_bs: float | None
    precio_unitario_usd: float | None
    impuesto_porcentaje: float | None
    impuesto_monto: float | None
    porcentaje_descuento: float | None
    monto_descuento: float | None
    porcentaje_descuento_fidelizacion: float | None
    monto_descuento_fidelizacion: float | None
    porcentaje_descuento_forma_pago: float | None
    monto_descuento_forma_pago: float | None
    costo_total_bs: float | None
    costo_total_usd: float | None
    utilidad_bruta_bs: float | None
    utilidad_bruta_usd: float | None


CABEZA = LineaVenta._fields[: LineaVenta._fields.index("vendida")]


def _aplanada(enviada: _LineaEnviada) -> LineaVenta:
    producto, cantidad, financiero = enviada["producto"][0], enviada["cantidad"][0], enviada["financiero"][0]
    return LineaVenta._make(
        [
            *map(enviada.get, CABEZA),
            _momento(enviada),
            *map(producto.get, Producto.__annotations__),
            *map(cantidad.get, CantidadVendida.__annotations__),
            *map(financiero.get, Financiero.__annotations__),
        ]
    )


def _momento(enviada: _LineaEnviada) -> datetime:
    """`fecha` and `hora`, which are what KLK filters by; `fecha_hora_completa` fills in for either."""
    completa = enviada.get("fecha_hora_completa")
    fecha = enviada.get("fecha") or (completa.date() if completa else None)
    hora = enviada.get("hora")
    if hora is None and completa is not None:
        hora = completa.time()
    if fecha is None or hora is None:
        raise PydanticCustomError("momento", "a date and a time are missing")
    return datetime.combine(fecha, hora.replace(microsecond=0, tzinfo=None))


Linea = Annotated[_LineaEnviada, AfterValidator(_aplanada)]

T = TypeVar("T")


class Meta(TypedDict, total=False):
    """The totals that an answer claims; an answer with fewer rows is cut short (klk-api.md, trap 8)."""

    total_articulos: int | None
    total_registros: int | None
    fecha_generacion: Any


class RespuestaArticulos(TypedDict, total=False):
    """The answer of `/maestra/articulos/almacen`."""

    meta: Meta | None
    articulos: Required[list[Articulo]]
    error: Any


@with_config(LENIENT)
class Almacen(TypedDict, total=False):
    """A warehouse of a sucursal, as KLK lists it."""

    CodigoSucursal: Required[Codigo]
    CodigoAlmacen: Required[Codigo]
    NombreSucursal: Texto | None
    NombreAlmacen: Texto | None


class RespuestaAlmacenes(TypedDict, total=False):
    """The answer of the warehouse lists, which is bare: only an error comes as an object."""

    meta: Meta | None
    almacenes: Required[list[Almacen]]
    error: Any


class RespuestaVentas(TypedDict, total=False):
    """The answer of `/ventas`."""

    meta: Meta | None
    ventas: Required[list[Linea]]
    error: Any


class Tipo(Generic[T]):
    """One kind of answer: where its rows stand, its total's name, and how to check rows one by one.

    `bare_list`: older servers answer with the list alone (klk-api.md, "Endpoints"). A check is made ready when it is
    first needed: a run of stock waits for no checks of sales.
    """

    def __init__(self, answer: Any, row: Any, *, rows_key: str, total_key: str, bare_list: bool = False) -> None:
        self._answer = answer
        self._row = row
        self.rows_key = rows_key
        self.total_key = total_key
        self.bare_list = bare_list

    @cached_property
    def answer(self) -> TypeAdapter[dict[str, Any]]:
        """The check of a whole answer."""
        return TypeAdapter(self._answer)

    @cached_property
    def row(self) -> TypeAdapter[T]:
        """The check of one row."""
        return TypeAdapter(self._row)


ARTICULOS = Tipo[Articulo](
    RespuestaArticulos, Articulo, rows_key="articulos", total_key="total_articulos", bare_list=True
)
VENTAS = Tipo[LineaVenta](RespuestaVentas, Linea, rows_key="ventas", total_key="total_registros")
ALMACENES = Tipo[Almacen](
    RespuestaAlmacenes, Almacen, rows_key="almacenes", total_key="total_registros", bare_list=True
)
