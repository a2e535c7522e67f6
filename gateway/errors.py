"""Refusals that only the gateway gives."""

from services.kit.errors import FieldError, Refused
from services.kit.web import MethodNotAllowed


class RefusedWithHeaders(Refused):
    def __init__(
        self,
        detail: str = "",
        *,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        errors: list[FieldError] | None = None,
        remaining: int | None = None,
    ) -> None:
        super().__init__(detail, errors=errors, remaining=remaining)
        self.headers = headers


class RateLimited(RefusedWithHeaders):
    status = 429
    code = "rate_limited"
    title = "Too many requests"


class OtherMethodsOnly(RefusedWithHeaders, MethodNotAllowed):
    """RFC 9110 §15.5.6 wants the methods that would do in `Allow`."""


class BodyTooSlow(Refused):
    status = 408
    code = "body_too_slow"
    title = "The request body did not arrive in time"
