"""What is counted about requests, and who may read it."""

from hmac import compare_digest

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from gateway.replies import Reply
from services.kit.errors import NotFound

REQUESTS = Counter("parvis_requests_total", "Requests answered", ["service", "method", "status", "route"])
SECONDS = Histogram(
    "parvis_request_seconds",
    "Time until the answer was complete",
    ["service", "method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Looking a labelled metric up costs more than adding to it, so they are kept at hand.

    `route` is a template of a service, never a path: strangers must not be able to make new series.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int, str], Counter] = {}
        self._seconds: dict[tuple[str, str, str], Histogram] = {}

    def count(self, service: str, method: str, status: int, route: str, seconds: float) -> None:
        if method not in METHODS:
            method = "other"
        key = (service, method, status // 100, route)
        counter = self._counts.get(key)
        if counter is None:
            counter = self._counts[key] = REQUESTS.labels(service, method, f"{status // 100}xx", route)
        counter.inc()
        histogram = self._seconds.get((service, method, route))
        if histogram is None:
            histogram = self._seconds[service, method, route] = SECONDS.labels(service, method, route)
        histogram.observe(seconds)


def metrics_reply(*, is_local: bool, credential: str | None, token: str | None) -> Reply:
    """Raises `NotFound` for everybody but this machine and who holds the token."""
    holds_token = token is not None and credential is not None and compare_digest(credential, token)
    if not (is_local or holds_token):
        raise NotFound
    return Reply(status=200, body=generate_latest(), media_type=CONTENT_TYPE_LATEST.encode())
