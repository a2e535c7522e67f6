"""Refusals that only the gateway gives."""

from services.kit.errors import Refused


class RateLimited(Refused):
    status = 429
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, detail: str, *, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        super().__init__(detail)
        self.headers = headers


class BodyTooSlow(Refused):
    status = 408
    code = "body_too_slow"
    title = "The request body did not arrive in time"
