"""Makes the pictures in docs/ (`make screenshots`): the dashboard of a demo chain, in Chromium."""

import asyncio
import json
import sys
import tempfile
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import async_playwright

from klk_daemon.domain import Job

from .chromium import ARGS, CHROMIUM
from .demo_world import HOY, TOKEN, Demo, demo, fail

if TYPE_CHECKING:
    from playwright.async_api import Browser

DOCS = Path(__file__).parents[3] / "docs"
WIDE = {"width": 1360, "height": 900}
PHONE = {"width": 390, "height": 844}
# Down to the first chart: below it nothing has failed.
FOLD = {"x": 0, "y": 0, "width": 1360, "height": 1545}


async def main(out: Path, world: Path | None = None) -> None:
    """All of them, into `out`; of the chain that lives in the folder `world`, or a new one."""
    with tempfile.TemporaryDirectory() as folder:
        async with demo(world or Path(folder)) as chain, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
            await _shot(browser, chain, out / "dashboard-claro.png")
            await _shot(browser, chain, out / "dashboard-oscuro.png", color_scheme="dark")
            await _shot(browser, chain, out / "dashboard-ingles.png", path="/?lang=en")
            await _shot(
                browser, chain, out / "dashboard-telefono.png", viewport=PHONE, device_scale_factor=2, full=False
            )
            fail(chain, "SUC002")
            await chain.run(Job.INVENTARIO, HOY.replace(hour=15, minute=0, second=1))
            await chain.run(Job.VENTAS, HOY.replace(hour=15, minute=5, second=1))
            chain.at(HOY + timedelta(minutes=17))
            await _shot(browser, chain, out / "dashboard-falla.png", clip=FOLD)
            await browser.close()


async def _shot(
    browser: "Browser", chain: Demo, file: Path, *, path: str = "/", clip: Any = None, full: bool = True, **options: Any
) -> None:
    link = (await _get(chain, "/api/link", post=True))["ruta"]
    context = await browser.new_context(
        **{"viewport": WIDE, "locale": "es-VE", "timezone_id": "America/Caracas"} | options
    )
    page = await context.new_page()
    await page.clock.install(time=chain.now)
    await page.goto(chain.url + link)
    await page.goto(chain.url + path)
    await page.locator('#vivo[data-estado="vivo"]').wait_for()
    await page.screenshot(path=file, full_page=full, clip=clip)
    await context.close()


async def _get(chain: Demo, path: str, *, post: bool = False) -> Any:
    request = urllib.request.Request(
        chain.url + path, data=b"" if post else None, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    body = await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).read())
    return json.loads(body)


if __name__ == "__main__":
    asyncio.run(main(*(Path(argument) for argument in sys.argv[1:] or [str(DOCS)])))
