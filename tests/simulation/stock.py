"""Stock after every run of `inventario`: exactly the last good answer of each warehouse of a store, or what was."""

from klk_daemon.domain import Tienda
from klk_daemon.simulator import Mundo

from . import answers
from .bench import Corrida
from .violation import exigir


def revisar(mundo: Mundo, c: Corrida) -> None:
    """Checks every store's stock."""
    exigir(not c.despues.stock_dobles, "every article once a warehouse", c.despues.stock_dobles)
    dentro = {t.id for t in c.tiendas}
    for tienda in {id_ for id_, _ in c.antes.stock} - dentro:
        exigir(c.antes.existencias(tienda) == c.despues.existencias(tienda), "other stores' stock stays", tienda)
    for t in c.tiendas:
        _tienda(mundo, c, t)


def _tienda(mundo: Mundo, c: Corrida, tienda: Tienda) -> None:
    antes, despues = c.antes.existencias(tienda.id), c.despues.existencias(tienda.id)
    error = c.partes[tienda.id].error
    if error is not None:
        exigir(antes == despues, "a failed store keeps its stock", (tienda.id, str(error)))
        return
    for almacen in tienda.almacenes:
        debe = answers.existencias(mundo, c, almacen)
        hay = despues.get(almacen, {})
        exigir(debe, "an empty snapshot is refused", (tienda.id, almacen))
        assert debe is not None
        exigir(
            len(debe) >= len(antes.get(almacen, {})) * c.trabajo.min_ratio,
            "a shrunken snapshot is refused",
            (tienda.id, almacen, len(debe)),
        )
        exigir(
            hay == debe,
            "stock is the last good answer",
            f"{tienda.id} {almacen}: missing {sorted(debe.keys() - hay.keys())[:5]}, extra"
            f" {sorted(hay.keys() - debe.keys())[:5]}",
        )
    exigir(despues.keys() == set(tienda.almacenes), "stock is of the store's warehouses", despues.keys())
