// The page, kept alive: parts that the server sends anew, ages and countdowns, orders, and what a mark says.
"use strict";

const d = document.body.dataset;
const idioma = document.documentElement.lang;
const desfase = Number(d.ahora) * 1000 - Date.now(); // this machine's clock may be wrong; the server's counts
const ahora = () => (Date.now() + desfase) / 1000;
const vivo = document.getElementById("vivo");
const aviso = document.getElementById("aviso");

/* Ages, countdowns and the stores' clock. */
const formato = new Intl.DateTimeFormat("es", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: d.zona });

function edad(segundos) {
  if (segundos < 10) return d.tAhora;
  const [n, unidad] = segundos < 60 ? [segundos, "s"] : segundos < 5400 ? [segundos / 60, "min"]
    : segundos < 172800 ? [segundos / 3600, "h"] : [segundos / 86400, idioma === "es" ? "días" : "days"];
  return idioma === "es" ? `hace ${Math.floor(n)} ${unidad}` : `${Math.floor(n)} ${unidad} ago`;
}

function cuenta(segundos) {
  const s = Math.max(0, Math.round(segundos));
  const dos = (n) => String(n).padStart(2, "0");
  const reloj = s >= 3600 ? `${Math.floor(s / 3600)}:${dos(Math.floor(s / 60) % 60)}:${dos(s % 60)}` : `${Math.floor(s / 60)}:${dos(s % 60)}`;
  return idioma === "es" ? `en ${reloj}` : `in ${reloj}`;
}

function poner(elemento, texto) {
  if (elemento.textContent !== texto) elemento.textContent = texto;
}

function tictac() {
  const t = ahora();
  for (const e of document.querySelectorAll("[data-edad]")) poner(e, edad(t - Number(e.dataset.edad)));
  for (const e of document.querySelectorAll("[data-cuenta]")) poner(e, cuenta(Number(e.dataset.cuenta) - t));
  poner(document.getElementById("reloj"), formato.format(Date.now() + desfase));
}

/* Parts that have changed are swapped; focus, scrolling and what is being read stay. */
const anteriores = new Map();

function cambiar(parte, html) {
  if (anteriores.get(parte) === html) return;
  const lugar = document.querySelector(`[data-parte="${parte}"]`);
  if (!lugar) return;
  anteriores.set(parte, html);
  const foco = lugar.contains(document.activeElement) ? document.activeElement : null;
  const marca = foco && (foco.id ? `#${CSS.escape(foco.id)}` : null);
  const grafico = foco && !foco.id && foco.closest("[data-tira]");
  const indice = grafico ? [...grafico.querySelectorAll("[data-lectura]")].indexOf(foco) : -1;
  const corridos = [...lugar.querySelectorAll(".rueda[id]")].map((e) => [e.id, e.scrollLeft]);
  lugar.innerHTML = html;
  for (const [id, x] of corridos) {
    const e = document.getElementById(id);
    if (e) e.scrollLeft = x;
  }
  if (marca) lugar.querySelector(marca)?.focus({ preventScroll: true });
  if (indice >= 0) document.getElementById(grafico.id)?.querySelectorAll("[data-lectura]")[indice]?.focus({ preventScroll: true });
}

/* The stream. The browser reconnects by itself after a break, but not after a refusal. */
let perdido = null;

function sin(texto) {
  vivo.dataset.estado = "mal";
  poner(vivo, texto);
}

function conectar() {
  const query = new URLSearchParams({ pagina: d.pagina, lang: idioma });
  const fuente = new EventSource(`/events?${query}`);
  fuente.addEventListener("partes", (e) => {
    const datos = JSON.parse(e.data);
    if (datos.edicion !== d.edicion) location.reload(); // another version runs now
    perdido = null;
    vivo.dataset.estado = "vivo";
    poner(vivo, d.tVivo);
    for (const [parte, html] of Object.entries(datos.partes)) cambiar(parte, html);
    const frase = document.querySelector(".frase");
    if (frase) poner(document.getElementById("anuncio"), frase.textContent.trim());
    tictac();
  });
  fuente.addEventListener("error", () => {
    perdido ??= Date.now() + desfase;
    sin(`${d.tSinConexion.replace("{hora}", formato.format(perdido))}. ${d.tNota}`);
    if (fuente.readyState === EventSource.CLOSED) {
      fetch(location.pathname, { method: "HEAD" }).then((r) => { if (r.status === 401) sin(d.tVencida); }, () => {});
      setTimeout(conectar, 5000);
    }
  });
}

/* Orders. */
let reloj = 0;

function decir(texto, mal) {
  aviso.hidden = false;
  aviso.classList.toggle("mal", mal);
  aviso.textContent = texto;
  clearTimeout(reloj);
  reloj = setTimeout(() => { aviso.hidden = true; }, mal ? 15000 : 6000);
}

async function ordenar(boton) {
  boton.setAttribute("aria-busy", "true");
  try {
    const respuesta = await fetch(boton.dataset.orden, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: boton.dataset.cuerpo,
    });
    if (respuesta.ok) decir(boton.dataset.hecho, false);
    else if (respuesta.status === 401) decir(d.tVencida, true);
    else decir(d.tRechazada.replace("{error}", (await respuesta.json()).error), true);
  } catch {
    decir(d.tSinRespuesta, true);
  } finally {
    boton.removeAttribute("aria-busy");
  }
}

/* What a mark says: under it, on hover and on focus. One stop for the keyboard each strip; arrows move inside. */
function leer(marca) {
  const lugar = document.getElementById(marca.closest("[data-tira]").dataset.tira);
  if (!lugar) return;
  lugar.classList.add("activa");
  poner(lugar, marca.dataset.lectura);
}

function callar(marca) {
  const lugar = document.getElementById(marca.closest("[data-tira]").dataset.tira);
  if (!lugar) return;
  lugar.classList.remove("activa");
  poner(lugar, lugar.dataset.reposo);
}

const marcada = (e) => (e.target instanceof Element ? e.target.closest("[data-lectura]") : null);
document.addEventListener("mouseover", (e) => marcada(e) && leer(marcada(e)));
document.addEventListener("mouseout", (e) => marcada(e) && callar(marcada(e)));
document.addEventListener("focusin", (e) => marcada(e) && leer(marcada(e)));
document.addEventListener("focusout", (e) => marcada(e) && callar(marcada(e)));
document.addEventListener("keydown", (e) => {
  const marca = marcada(e);
  if (!marca) return;
  const marcas = [...marca.closest("[data-tira]").querySelectorAll("[data-lectura]")];
  const n = marcas.indexOf(marca);
  const otra = marcas[{ ArrowLeft: n - 1, ArrowRight: n + 1, Home: 0, End: marcas.length - 1 }[e.key]];
  if (!otra) return;
  e.preventDefault();
  marca.tabIndex = -1;
  otra.tabIndex = 0;
  otra.focus();
});
document.addEventListener("click", (e) => {
  const boton = e.target instanceof Element ? e.target.closest("[data-orden]") : null;
  if (boton) ordenar(boton);
});

setInterval(tictac, 1000);
tictac();
conectar();
