"""A simulator of the KLK API on loopback: the same answers, the same traps, and faults on demand.

Made from the API's description alone. It imports nothing of the rest of klk_daemon, so that it cannot share
the client's mistakes. `Mundo` is what the server knows, `Simulador` serves it, `Falla` breaks it.

    async with Simulador(Mundo(seed=7)) as simulador:
        simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC001", veces=3))
        ...  # talk to simulador.url
"""

from klk_daemon.simulator.catalogo import Articulo
from klk_daemon.simulator.danos import bad_rows
from klk_daemon.simulator.facturas import Factura, Linea
from klk_daemon.simulator.fallas import Falla, Fallas, TipoFalla
from klk_daemon.simulator.hilo import simulador_en_hilo
from klk_daemon.simulator.latencia import Latencia
from klk_daemon.simulator.mundo import Mundo
from klk_daemon.simulator.peticion import Registro
from klk_daemon.simulator.reloj import Reloj
from klk_daemon.simulator.servidor import Simulador
from klk_daemon.simulator.tiendas import CUATRO, Almacen, Tienda, tiendas

__all__ = [
    "CUATRO",
    "Almacen",
    "Articulo",
    "Factura",
    "Falla",
    "Fallas",
    "Latencia",
    "Linea",
    "Mundo",
    "Registro",
    "Reloj",
    "Simulador",
    "Tienda",
    "TipoFalla",
    "bad_rows",
    "simulador_en_hilo",
    "tiendas",
]
