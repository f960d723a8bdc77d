"""The ledger after every run: one row a store and run, none left `en_proceso`, none lost."""

from dataclasses import dataclass, field

from .bench import Banco, Corrida
from .violation import exigir


@dataclass(slots=True)
class Libro:
    """What the ledger must say of the runs so far: run and store to `estado`."""

    esperado: dict[tuple[str, str], str] = field(default_factory=dict)

    def revisar(self, c: Corrida, banco: Banco) -> None:
        """Checks the ledger, with the rows that wait in the state directory, after a run."""
        esperan = {(e.run_id, e.ubicacion_id): str(e.estado) for e in banco.entorno.pendientes.leer()}
        dobles = {k: v for k, v in c.despues.libro.items() if len(v) != 1}
        exigir(not dobles, "one ledger row a store and run", dobles)
        hay = {k: v[0] for k, v in c.despues.libro.items()} | esperan
        if not c.apuros.ensayo:
            nuevos = {run_id for run_id, _ in hay} - {run_id for run_id, _ in self.esperado}
            exigir(len(nuevos) == 1, "a run is booked", nuevos)
            exigir(c.partes.keys() == {t.id for t in c.tiendas}, "each store has an outcome", c.partes)
            self.esperado |= {(min(nuevos), id_): str(p.estado) for id_, p in c.partes.items()}
        exigir("en_proceso" not in hay.values(), "nothing is left en_proceso", hay)
        distintas = set(hay.items()) ^ set(self.esperado.items())
        exigir(not distintas, "the ledger says what happened", distintas)
