"""What the dashboard says, in Spanish and in English."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

ES, EN = "es", "en"
IDIOMAS = (ES, EN)

# Key to what is said in each language; {names} are filled in.
FRASES: Mapping[str, tuple[str, str]] = {
    # The answer.
    "todo_al_dia": ("Todo al día", "All up to date"),
    "al_dia": (
        "Inventario y ventas de {n} tiendas, leídos y guardados.",
        "Stock and sales of {n} stores, read and stored.",
    ),
    "al_dia_una": ("Inventario y ventas, leídos y guardados.", "Stock and sales, read and stored."),
    "primera_vez": ("Leyendo por primera vez", "Reading for the first time"),
    "primera_vez_detalle": (
        "La primera corrida está en marcha; los datos aparecen en cuanto termina.",
        "The first run is under way; data appear as soon as it ends.",
    ),
    "falla": ("{quien}: {causa} {desde}", "{quien}: {causa} {desde}"),
    "todas": ("Todas las tiendas", "All stores"),
    "atraso": ("{quien}: sin datos nuevos de {jobs} {desde}", "{quien}: no new data for {jobs} {desde}"),
    "atraso_nunca": ("{quien}: {jobs} todavía sin leer", "{quien}: {jobs} not read yet"),
    "atraso_hacer": (
        "Ninguna corrida ha terminado bien desde entonces. `klk-daemon check` dice qué pasa.",
        "No run has ended well since then. `klk-daemon check` says what is the matter.",
    ),
    "hueco": ("{quien}: faltan ventas por leer", "{quien}: sales are still to be read"),
    "hueco_hacer": (
        "La próxima corrida de ventas las lee sola, si no son demasiado viejas.",
        "The next run of ventas reads them, unless they are too old.",
    ),
    "pausa": ("En pausa: {jobs}", "Paused: {jobs}"),
    "pausa_hacer": ("No corre por reloj hasta que se reanude.", "Does not run by the clock until resumed."),
    "pausa_hacer_hasta": ("No corre por reloj hasta {hasta}.", "Does not run by the clock until {hasta}."),
    "afecta": ("Afecta: {jobs}.", "Affects: {jobs}."),
    "base_ocupada": (
        "Otro programa tiene abierta la base de datos {desde}",
        "Another program holds the database {desde}",
    ),
    "base_ilegible": ("La base de datos no se puede leer {desde}", "The database cannot be read {desde}"),
    "base_hacer": ("Lo que se ve es lo último que se leyó: {leido}.", "What is shown is what was read last: {leido}."),
    "base_nunca": ("Aún no se ha leído nada de ella.", "Nothing has been read from it yet."),
    # Why a store's part of a run failed, by error_tipo.
    "causa_conexion": ("KLK no contesta", "KLK does not answer"),
    "causa_timeout": ("KLK tarda demasiado en contestar", "KLK takes too long to answer"),
    "causa_api_error": ("KLK contesta con un error", "KLK answers with an error"),
    "causa_respuesta_invalida": ("KLK contesta algo que no sirve", "KLK answers something of no use"),
    "causa_snapshot_sospechoso": (
        "KLK manda una lista sospechosamente corta",
        "KLK sends a suspiciously short list",
    ),
    "causa_bd_ocupada": ("otro programa tiene abierta la base de datos", "another program holds the database"),
    "causa_db_error": ("la base de datos no se puede escribir", "the database cannot be written"),
    "causa_interrumpido": ("la corrida se cortó", "the run was cut off"),
    "causa_otra": ("la corrida falla", "the run fails"),
    "hacer_klk_todas": (
        "Los datos quedan como estaban. Cuando KLK vuelva, lo que faltó se lee solo.",
        "The data stay as they were. When KLK is back, what was missed is read.",
    ),
    "hacer_klk_una": (
        "Las otras tiendas van bien: avise a quien atiende KLK. Lo que falte se lee solo cuando vuelva.",
        "The other stores are fine: tell whoever runs KLK. What is missed is read when it is back.",
    ),
    "hacer_snapshot_sospechoso": (
        "Se conserva lo anterior. Si la lista corta es real: klk-daemon trigger inventario --tienda {id} --aceptar",
        "What was held stays. If the short list is real: klk-daemon trigger inventario --tienda {id} --aceptar",
    ),
    "hacer_bd_ocupada": (
        "Cierre el programa que nombra el error; la próxima corrida repone lo que faltó.",
        "Close the program that the error names; the next run makes up what was missed.",
    ),
    "hacer_db_error": ("`klk-daemon check` dice qué le pasa.", "`klk-daemon check` says what is the matter."),
    "hacer_interrumpido": ("La próxima corrida la repone.", "The next run makes it up."),
    # Times.
    "desde_hoy": ("desde las {hora}", "since {hora}"),
    "desde_ayer": ("desde ayer a las {hora}", "since yesterday {hora}"),
    "desde_dia": ("desde el {dia} a las {hora}", "since {dia} {hora}"),
    "ayer": ("ayer {hora}", "yesterday {hora}"),
    "nunca": ("nunca", "never"),
    "ahora": ("ahora", "now"),
    # Page furniture.
    "titulo": ("Tablero KLK", "KLK dashboard"),
    "inicio": ("Inicio", "Home"),
    "saltar": ("Ir al contenido", "Skip to content"),
    "idioma": ("English", "Español"),
    "hora_tiendas": ("Hora de las tiendas", "Store time"),
    "en_vivo": ("En vivo", "Live"),
    "conectando": ("Conectando…", "Connecting…"),
    "sin_conexion": ("Sin conexión desde las {hora}", "Not connected since {hora}"),
    "sin_conexion_nota": ("Lo que se ve puede ser viejo.", "What is shown may be old."),
    "sesion_vencida": (
        "La sesión terminó: abra un enlace nuevo con klk-daemon dashboard",
        "The session is over: open a new link with klk-daemon dashboard",
    ),
    "tiendas": ("Tiendas", "Stores"),
    "tienda": ("Tienda", "Store"),
    "trabajos": ("Trabajos", "Jobs"),
    "trabajo": ("Trabajo", "Job"),
    "inventario": ("Inventario", "Inventario"),
    "ventas": ("Ventas", "Ventas"),
    "conciliacion": ("Conciliación", "Conciliación"),
    "que_inventario": ("lo que hay en cada almacén", "what is in each warehouse"),
    "que_ventas": ("cada línea vendida, una vez", "every line sold, once"),
    "que_conciliacion": ("los días pasados, iguales a KLK", "past days made equal to KLK"),
    "proxima": ("Próxima", "Next"),
    "ultima": ("Última", "Last"),
    "ultimo_exito": ("Último éxito", "Last success"),
    "sin_corridas": ("Todavía ninguna corrida.", "No runs yet."),
    "ultimas_48": ("Últimas {n} corridas de {job}", "Last {n} runs of {job}"),
    "pausado": ("En pausa", "Paused"),
    "correr_ahora": ("Correr ahora", "Run now"),
    "pausar": ("Pausar", "Pause"),
    "reanudar": ("Reanudar", "Resume"),
    "correr_tienda": ("Correr {job} aquí", "Run {job} here"),
    "pedido": ("Pedido: {job}. Empieza en cuanto le toque.", "Ordered: {job}. It begins as soon as it is its turn."),
    "pausa_puesta": ("En pausa: {job}.", "Paused: {job}."),
    "pausa_quitada": ("Reanudado: {job}.", "Resumed: {job}."),
    "orden_rechazada": ("No se pudo: {error}", "It could not be done: {error}"),
    "orden_sin_respuesta": (
        "No se pudo: el servicio no contesta.",
        "It could not be done: the service does not answer.",
    ),
    "sin_sesion": (
        "Para usar los botones, ejecute klk-daemon dashboard en el servidor y abra el enlace que imprime.",
        "To use the buttons, run klk-daemon dashboard on the server and open the link that it prints.",
    ),
    "en_marcha": ("{job}: en marcha desde las {hora}", "{job}: under way since {hora}"),
    "en_marcha_tiendas": ("{hechas} de {total} tiendas", "{hechas} of {total} stores"),
    "en_marcha_fallidas": ("falló: {tiendas}", "failed: {tiendas}"),
    # States.
    "exitoso": ("Al día", "Up to date"),
    "fallido": ("Falla", "Failing"),
    "atrasado": ("Atrasado", "Stale"),
    "sin_dato": ("Sin dato", "No data"),
    "corrida_exitoso": ("exitosa", "succeeded"),
    "corrida_parcial": ("parcial", "partly failed"),
    "corrida_fallido": ("fallida", "failed"),
    "corrida_en_proceso": ("en marcha", "under way"),
    "leido_hasta": ("Leído hasta", "Read up to"),
    "ultima_venta": ("Última venta", "Newest sale"),
    "lectura": (
        "{cuando} · {estado} · {extraidos} leídas, {cargados} nuevas o cambiadas · {duracion} s",
        "{cuando} · {estado} · {extraidos} read, {cargados} new or changed · {duracion} s",
    ),
    "cambios": ("{n} cambios", "{n} changes"),
    "lectura_falla": ("falló {tiendas}", "{tiendas} failed"),
    "lectura_eliminadas": ("{n} eliminadas", "{n} deleted"),
    "lectura_apartadas": ("{n} apartadas", "{n} put aside"),
    # Sales.
    "ventas_hoy": ("Ventas de hoy", "Today's sales"),
    "ventas_nota": (
        "US$ por media hora",
        "US$ by half hour",
    ),
    "total_tiendas": ("{n} tiendas juntas", "{n} stores together"),
    "hoy": ("Hoy", "Today"),
    "hace_una_semana": ("El mismo día, hace una semana", "The same weekday, a week ago"),
    "contra": ("{signo}{por_ciento} % que hace una semana a esta hora", "{signo}{por_ciento} % on a week ago by now"),
    "facturas": ("{n} facturas", "{n} invoices"),
    "barra": (
        "{desde}–{hasta} · hoy US$ {hoy} · hace una semana US$ {antes}",
        "{desde}–{hasta} · today US$ {hoy} · a week ago US$ {antes}",
    ),
    "mejor": ("La mejor: {barra}", "The best: {barra}"),
    "grafico": ("Ventas de {tienda} por media hora", "Sales of {tienda} by half hour"),
    "sin_ventas": ("Hoy, todavía ninguna.", "None yet today."),
    # Stock.
    "existencias": ("Existencias", "Stock"),
    "almacen": ("Almacén", "Warehouse"),
    "articulos": ("Artículos", "Articles"),
    "negativos": ("Negativos", "Negative"),
    "cambios_hora": ("Cambios en la última hora", "Changes in the last hour"),
    "leido": ("Leído", "Read"),
    "sin_existencias": ("Todavía ninguna.", "None yet."),
    # Quality.
    "calidad": ("Datos por revisar", "Data to look at"),
    "huecos": ("Ventas sin leer", "Sales not read"),
    "sin_certificar": ("Días sin certificar", "Uncertified days"),
    "sin_certificar_nota": (
        "Un día se certifica cuando dos lecturas de KLK coinciden con la base; lo hace conciliación cada noche.",
        "A day is certified when two readings of KLK agree with the database; conciliación does that every night.",
    ),
    "apartadas": ("Filas apartadas", "Rows put aside"),
    "correcciones": ("Correcciones, 7 días", "Corrections, 7 days"),
    "ninguno": ("ninguno", "none"),
    "ninguna": ("ninguna", "none"),
    "de_a": ("{desde} a {hasta}", "{desde} to {hasta}"),
    "veces": ("Veces", "Times"),
    "motivo": ("Motivo", "Reason"),
    "fila": ("Fila", "Row"),
    "factura": ("Factura", "Invoice"),
    "linea": ("Línea", "Line"),
    "fecha": ("Fecha", "Date"),
    "que_paso": ("Qué pasó", "What happened"),
    "agregada": ("agregada", "added"),
    "actualizada": ("actualizada", "updated"),
    "eliminada": ("eliminada", "deleted"),
    "ultimas_de": ("Las últimas {n} de {total}.", "The newest {n} of {total}."),
    # A store and a run.
    "sucursal": ("Sucursal {codigo}", "Branch {codigo}"),
    "corridas": ("Corridas", "Runs"),
    "corrida": ("Corrida", "Run"),
    "estado": ("Estado", "State"),
    "empezo": ("Empezó", "Began"),
    "termino": ("Terminó", "Ended"),
    "duracion": ("Duración", "Duration"),
    "modo": ("Modo", "Mode"),
    "leidas": ("Leídas", "Read"),
    "cargadas": ("Nuevas o cambiadas", "New or changed"),
    "eliminadas": ("Eliminadas", "Deleted"),
    "bitacora": ("Bitácora", "Log"),
    "hora": ("Hora", "Time"),
    "nivel": ("Nivel", "Level"),
    "evento": ("Evento", "Event"),
    "detalle": ("Detalle", "Detail"),
    "sin_bitacora": ("No hay líneas de esta corrida.", "There are no lines of this run."),
    "hay_mas": (
        "Hay más: klk-daemon logs {job} las tiene todas.",
        "There are more: klk-daemon logs {job} has them all.",
    ),
    "no_hay": ("No hay esa página", "No such page"),
    "no_hay_tienda": ("No hay una tienda activa {id}.", "There is no active store {id}."),
    "no_hay_corrida": (
        "No hay una corrida {id}, o la base no se puede leer ahora.",
        "There is no run {id}, or the database cannot be read now.",
    ),
    "volver": ("Volver al inicio", "Back home"),
    "enlace_usado": ("Este enlace ya no sirve", "This link is no longer good"),
    "enlace_usado_detalle": (
        "Cada enlace sirve una vez, durante cinco minutos. klk-daemon dashboard imprime uno nuevo.",
        "Each link is good once, for five minutes. klk-daemon dashboard prints a new one.",
    ),
    "pie": ("klk-daemon {version} · base leída {leido}", "klk-daemon {version} · database read {leido}"),
    "claro_oscuro": ("Los horarios son los de las tiendas.", "All times are the stores'."),
}
MESES = {
    ES: ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
    EN: ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
DIAS = {
    ES: ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    EN: ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
Y = {ES: "y", EN: "and"}


@dataclass(frozen=True, slots=True)
class Textos:
    """One language's words, numbers and times."""

    idioma: str

    @property
    def claves(self) -> Collection[str]:
        """What there is a phrase for."""
        return FRASES.keys()

    def __call__(self, clave: str, **valores: object) -> str:
        """A phrase, filled in."""
        return FRASES[clave][IDIOMAS.index(self.idioma)].format(**valores)

    def nombre(self, clave: str, prefijo: str = "") -> str:
        """The word for a value of the database; the value itself where an older pipeline wrote another one."""
        return self(prefijo + clave) if prefijo + clave in FRASES else clave

    def numero(self, valor: float, decimales: int = 0) -> str:
        """`1.234,5` in Spanish, `1,234.5` in English."""
        texto = f"{valor:,.{decimales}f}"
        return texto if self.idioma == EN else texto.translate(str.maketrans(",.", ".,"))

    def lista(self, palabras: list[str]) -> str:
        """`a, b y c`."""
        if len(palabras) < 2:  # noqa: PLR2004 - nothing to join
            return "".join(palabras)
        return f"{', '.join(palabras[:-1])} {Y[self.idioma]} {palabras[-1]}"

    def dia(self, fecha: date) -> str:
        """`17 nov`."""
        return f"{fecha.day} {MESES[self.idioma][fecha.month - 1]}"

    def dia_semana(self, fecha: date) -> str:
        """`lunes 17 nov`."""
        return f"{DIAS[self.idioma][fecha.weekday()]} {self.dia(fecha)}"

    def momento(self, momento: datetime | None, ahora: datetime) -> str:
        """The time of day; with the day where it is not today."""
        if momento is None:
            return self("nunca")
        hora = f"{momento:%H:%M}"
        if momento.date() == ahora.date():
            return hora
        if momento.date() == ahora.date() - timedelta(days=1):
            return self("ayer", hora=hora)
        return f"{self.dia(momento)} {hora}"

    def desde(self, momento: datetime, ahora: datetime) -> str:
        """`desde las 13:35`, `desde ayer a las 13:35`."""
        hora = f"{momento:%H:%M}"
        if momento.date() == ahora.date():
            return self("desde_hoy", hora=hora)
        if momento.date() == ahora.date() - timedelta(days=1):
            return self("desde_ayer", hora=hora)
        return self("desde_dia", dia=self.dia(momento), hora=hora)
