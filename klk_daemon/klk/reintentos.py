"""Each request that is made again is told of."""

from collections.abc import Callable

import stamina.instrumentation
import structlog

from klk_daemon.errors import ApiError

log = structlog.get_logger()


def tell_retries(observer: Callable[[str, str, float], None] = lambda *_: None) -> None:
    """Has every retry of this process logged as `reintento` (contract, "Logs"), and the observer told of it."""

    def tell(details: stamina.instrumentation.RetryDetails) -> None:
        error = details.caused_by
        tipo = error.error_tipo if isinstance(error, ApiError) else ""
        observer("retried", tipo, details.wait_for)
        log.warning(
            "reintento",
            intento=details.retry_num + 1,
            espera_s=round(details.wait_for, 2),
            error_tipo=tipo,
            error=str(error),
        )

    stamina.instrumentation.set_on_retry_hooks([tell])
