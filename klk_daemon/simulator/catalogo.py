"""The chain's catalogue: what an article is, apart from how many of it there are."""

from dataclasses import dataclass
from random import Random

from klk_daemon.simulator.azar import azar
from klk_daemon.simulator.respuesta import compact

_GRUPOS = (
    ("08", "FRUVER", "1", "POR PESO", ("TOMATE", "PIÑA", "CEBOLLA", "ROMERO", "AJÍ DULCE"), 0.7),
    ("11", "CHARCUTERIA", "3", "QUESOS", ("QUESO AMARILLO", "JAMON ESPALDA", "MORTADELA"), 0.6),
    ("14", "BEBIDAS", "2", "NECTARES Y JUGOS", ("NECTAR DE PERA", "JUGO DE NARANJA", "MALTA"), 0.0),
    ("17", "VIVERES", "5", "DE TRIGO", ("PASTA LARGA", "HARINA", "GALLETA SODA", "PAN CUADRADO"), 0.0),
    ("21", "LIMPIEZA", "4", "DETERGENTES", ("JABON EN POLVO", "CLORO", "LAVAPLATOS"), 0.0),
    ("25", "CARNES", "6", "DE RES", ("CARNE MOLIDA", "BISTEC", "COSTILLA"), 0.9),
)
_MARCAS = ("DRAGOS", "NATULAC", "KEMMENTAL", "PLUMROSE", "MARY", "LA GRANJA", "EL ÁVILA", "N/A")
_NA = "N/A"


@dataclass(frozen=True, slots=True)
class Articulo:
    """One article of the catalogue.

    `precio` and `costo` are USD without IVA, `iva` is a percentage, `kg` says that it is sold by weight.
    `maestra` is its row of the article list as JSON text up to and including `"stock":`; `producto` is the
    object of the same name in a sale line. Both are rendered once: they make up most of every answer.
    """

    codigo: str
    precio: float
    costo: float
    iva: int
    kg: bool
    maestra: str
    producto: str


def catalogo(seed: int, how_many: int) -> tuple[Articulo, ...]:
    """The catalogue of a seed: `how_many` articles with codes of six digits from `000001` on."""
    rng = azar(seed, "catalogo")
    return tuple(_articulo(rng, number) for number in range(1, how_many + 1))


def _articulo(rng: Random, number: int) -> Articulo:
    categoria, descripcion, sub, grupo, nombres, por_peso = _GRUPOS[int(rng.random() * len(_GRUPOS))]
    kg = rng.random() < por_peso
    marca = _MARCAS[int(rng.random() * len(_MARCAS))]
    size = "KG" if kg else f"{50 * (1 + int(rng.random() * 40))} GR"
    nombre = f"{nombres[int(rng.random() * len(nombres))]} {marca if marca != _NA else ''} {size} {number}"
    nombre = " ".join(nombre.split())
    codigo = f"{number:06}"
    barra = f"0{number:04}" if kg else f"759{number * 7919 % 10**10:010}"
    digits = 2 if rng.random() < 0.5 else 6  # noqa: PLR2004 - half the prices have cents, half come from a division
    precio = round(0.2 + rng.expovariate(1 / 6.0), digits)
    costo = round(precio * (0.7 + 0.25 * rng.random()), digits)
    iva = 0 if categoria in {"08", "25"} else 16
    row: dict[str, object] = {
        "NombreProducto": nombre,
        "Codigo": codigo,
        "Barra": barra,
        "Categoria": categoria,
        "Descripcion": descripcion,
        "Subcategoria": sub,
        "Descripcion_categoria": grupo,
        "Marca": marca,
        "Precio": precio,
        "Iva": iva,
    }
    # "N/A" stands for missing, and Marca is left out on some rows (klk-api.md, An article).
    if rng.random() < 0.05:  # noqa: PLR2004 - about one in twenty
        row |= {"Categoria": _NA, "Descripcion": _NA, "Subcategoria": _NA, "Descripcion_categoria": _NA}
    if rng.random() < 0.1:  # noqa: PLR2004 - about one in ten
        del row["Marca"]
    producto = {
        "codigo_producto": codigo,
        "descripcion_producto": nombre,
        "marca_producto": marca,
        "modelo_producto": "",
        "categoria_producto": grupo,
        "grupo_articulo": descripcion,
        "subgrupo_producto": nombre.split(" ", 1)[0],
        "categoria_nombre": row["Descripcion"],
        "codigo_barras": barra,
        "serial": "",
        "imei": "",
    }
    maestra = compact(row)[:-1] + ',"stock":'
    return Articulo(codigo, precio, costo, iva, kg, maestra, compact(producto))
