"""What KLK sends, checked: the fields exactly as on the wire (klk-api.md, "An article", "A sale line").

Required are the fields of the contract ("What a run guarantees", 6); every other may be missing, and is None then.
msgspec makes each row of its bytes.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Raw, Struct, defstruct, field
from msgspec.json import Decoder

# Bounds that the columns can hold: an absurd number is one bad row, not a store that fails.
Dinero = Annotated[float, Meta(gt=-1e12, lt=1e12)]
Cantidad = Annotated[float, Meta(gt=-1e14, lt=1e14)]
Entero = Annotated[int, Meta(ge=0, lt=2**31)]


class Articulo(Struct, kw_only=True, gc=False):
    """An article of one warehouse."""

    Codigo: str
    stock: Cantidad
    NombreProducto: str | None = None
    Barra: str | None = None
    Descripcion: str | None = None
    Subcategoria: str | None = None
    Descripcion_categoria: str | None = None
    Marca: str | None = None
    Precio: Dinero | None = None

    def __post_init__(self) -> None:
        self.Codigo = _codigo("Codigo", self.Codigo)


class Producto(Struct, kw_only=True, gc=False):
    """`producto[0]` of a sale line."""

    codigo_producto: str
    descripcion_producto: str | None = None
    marca_producto: str | None = None
    modelo_producto: str | None = None
    categoria_producto: str | None = None
    grupo_articulo: str | None = None
    subgrupo_producto: str | None = None
    codigo_barras: str | None = None

    def __post_init__(self) -> None:
        self.codigo_producto = _codigo("codigo_producto", self.codigo_producto)


class CantidadVendida(Struct, kw_only=True, gc=False):
    """`cantidad[0]` of a sale line."""

    cantidad_vendida: Cantidad
    codigo_almacen: str | None = None
    nombre_almacen: str | None = None
    peso_unitario: Cantidad | None = None
    volumen_unitario: Cantidad | None = None
    unidad_medida_venta: str | None = None
    peso_calculado: Cantidad | None = None


class Financiero(Struct, kw_only=True, gc=False):
    """`financiero[0]` of a sale line. Bs and USD; `impuesto_monto` is Bs."""

    venta_total_usd: Dinero
    venta_total_bs: Dinero | None = None
    costo_unitario_bs: Dinero | None = None
    costo_unitario_usd: Dinero | None = None
    precio_unitario_bs: Dinero | None = None
    precio_unitario_usd: Dinero | None = None
    impuesto_porcentaje: Dinero | None = None
    impuesto_monto: Dinero | None = None
    porcentaje_descuento: Dinero | None = None
    monto_descuento: Dinero | None = None
    porcentaje_descuento_fidelizacion: Dinero | None = None
    monto_descuento_fidelizacion: Dinero | None = None
    porcentaje_descuento_forma_pago: Dinero | None = None
    monto_descuento_forma_pago: Dinero | None = None
    costo_total_bs: Dinero | None = None
    costo_total_usd: Dinero | None = None
    utilidad_bruta_bs: Dinero | None = None
    utilidad_bruta_usd: Dinero | None = None


class LineaVenta(Struct, kw_only=True, gc=False):
    """A sale line.

    `fecha`, `hora` and `fecha_hora_completa` are text as sent: msgspec would round `12:19:59.9999999` up, by a day at
    midnight. `vendida`, which is not on the wire, is what they say: when it was sold, to the second, in the store's
    local time (naive).
    """

    numero_factura: str
    linea: Entero
    fecha: str | None = None
    hora: str | None = None
    fecha_hora_completa: str | None = None
    producto: Annotated[list[Producto], Meta(min_length=1)]
    cantidad: Annotated[list[CantidadVendida], Meta(min_length=1)]
    financiero: Annotated[list[Financiero], Meta(min_length=1)]
    total_factura: Dinero | None = None
    tasa_usd: Dinero | None = None
    es_no_fiscal: bool | None = None
    codigo_promocion: str | None = None
    vendida: datetime = datetime.min  # noqa: DTZ901 - always replaced

    def __post_init__(self) -> None:
        self.numero_factura = _codigo("numero_factura", self.numero_factura)
        self.vendida = _momento(self.fecha or "", self.hora or "", self.fecha_hora_completa or "")


def _codigo(campo: str, valor: str) -> str:
    valor = valor.strip()
    if not valor:
        raise ValueError(f"`{campo}` is empty")
    return valor


DIA, HORA = len("2025-11-17"), len("12:19:56")


def _momento(fecha: str, hora: str, completa: str) -> datetime:
    """`fecha` and `hora`, which are what KLK filters by; `fecha_hora_completa` fills in for either."""
    dia = _dia(fecha) or _dia(completa)
    momento = _hora(hora) or _hora(completa[DIA + 1 :])
    if dia is None or momento is None:
        raise ValueError("`fecha` and `hora`, or `fecha_hora_completa`, are missing")
    return datetime.combine(dia, momento)


def _dia(texto: str) -> date | None:
    try:
        return date.fromisoformat(texto[:DIA])
    except ValueError:
        return None


def _hora(texto: str) -> time | None:
    if texto[2:3] != ":" or texto.startswith("24"):  # Python takes `12` for noon, since 3.13 also `24:00` for midnight
        return None
    try:
        return time.fromisoformat(texto[:HORA])
    except ValueError:
        return None


class Almacen(Struct, kw_only=True, gc=False):
    """A warehouse of a sucursal, as KLK lists it."""

    CodigoSucursal: str
    CodigoAlmacen: str
    NombreSucursal: str | None = None
    NombreAlmacen: str | None = None

    def __post_init__(self) -> None:
        self.CodigoSucursal = _codigo("CodigoSucursal", self.CodigoSucursal)
        self.CodigoAlmacen = _codigo("CodigoAlmacen", self.CodigoAlmacen)


T = TypeVar("T")


@dataclass(frozen=True)
class Tipo(Generic[T]):
    """One kind of answer.

    Attributes:
        fila: what its rows are.
        rows_key: where they stand.
        total_key: the name of the total in `meta` that it claims.
        bare_list: older servers answer with the list alone (klk-api.md, "Endpoints").
    """

    fila: type[T]
    rows_key: str
    total_key: str = "total_registros"
    bare_list: bool = False

    @cached_property
    def answer(self) -> Decoder[Any]:
        """Makes a whole answer of its bytes: `filas`, the bytes of each row, and `meta` and `error` unchecked."""
        filas = ("filas", list[Raw], field(name=self.rows_key))
        return Decoder(defstruct("Cuerpo", [filas, ("meta", Any, None), ("error", Any, None)]))

    @cached_property
    def row(self) -> Decoder[T]:
        """Makes a row of its bytes; `"1.5"` passes for a number.

        Made when it is first needed: a run of stock waits for no checks of sales.
        """
        return Decoder(self.fila, strict=False)


ARTICULOS = Tipo(Articulo, "articulos", "total_articulos", bare_list=True)
VENTAS = Tipo(LineaVenta, "ventas")
ALMACENES = Tipo(Almacen, "almacenes", bare_list=True)
