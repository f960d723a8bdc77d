"""The heartbeat: a GET after a run that succeeded, so that somebody outside notices when there is none.

What Healthchecks and its like expect: any answer 2xx will do, silence raises the alarm there. It means that the work
succeeded, not that a process lives.
"""

import asyncio
from urllib.parse import urlsplit

import httpx
import structlog

from klk_daemon.domain import Estado, Resultado

log = structlog.get_logger()
TIMEOUT_S = 10.0


async def beat(url: str, resultado: Resultado, *, timeout_s: float = TIMEOUT_S) -> bool:
    """Calls the address, if there is one and every store of the run succeeded. Its failure is logged, and no more.

    A run by hand counts, one for some stores too: it was a successful run (contract, `heartbeat_url`). A dry run wrote
    nothing and must not be handed over.

    Returns:
        Whether it was called and answered.
    """
    if not url or resultado.estado is not Estado.EXITOSO or not resultado.tiendas:
        return False
    error = await _get(url, timeout_s)
    if error:
        log.warning("latido_fallido", url=_place(url), error=error, job=str(resultado.job), run_id=resultado.run_id)
    return not error


async def _get(url: str, timeout_s: float) -> str:
    """What went wrong; empty where nothing did."""
    try:
        # The certificates take 20 ms to load, which plain HTTP does without.
        verify = urlsplit(url).scheme == "https"
        async with (
            asyncio.timeout(timeout_s),
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout_s, verify=verify) as client,
            client.stream("GET", url, headers={"User-Agent": "klk-daemon"}) as response,
        ):
            return "" if response.is_success else f"HTTP {response.status_code}"
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as e:
        return f"{type(e).__name__}: {e}".replace(url, _place(url))


def _place(url: str) -> str:
    """The address without its secret, which is its path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/…"
