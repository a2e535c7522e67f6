"""The three kinds of error (docs/architecture.md): refused, unavailable, and everything else, which is a bug."""

from typing import ClassVar
from urllib.parse import quote

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with one field; `pointer` is a JSON pointer in URI fragment form (RFC 6901 §6)."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error answer (RFC 9457). `code` is stable: clients may decide by it."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    errors: list[FieldError] = []
    remaining: int | None = None


class Refused(Exception):
    """Expected: the request cannot be granted as it stands. Subclasses give status, code and title once."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"
    by_code: ClassVar[dict[str, type["Refused"]]] = {}

    def __init_subclass__(cls) -> None:
        if "code" in cls.__dict__:
            Refused.by_code[cls.code] = cls

    def __init__(
        self, detail: str = "", *, errors: list[FieldError] | None = None, remaining: int | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = errors or []
        self.remaining = remaining

    def problem(self) -> Problem:
        return Problem(
            type=problem_type(self.code),
            title=self.title,
            status=self.status,
            code=self.code,
            detail=self.detail,
            errors=self.errors,
            remaining=self.remaining,
        )

    @staticmethod
    def from_problem(problem: Problem) -> "Refused":
        """The error that a service raised on the other side of an HTTP call."""
        kind = Refused.by_code.get(problem.code, Refused)
        return kind(problem.detail, errors=problem.errors, remaining=problem.remaining)


class NotFound(Refused):
    """Does not exist, or belongs to somebody else: the two look the same on purpose."""

    status = 404
    code = "not_found"
    title = "There is nothing here"


class Unauthenticated(Refused):
    status = 401
    code = "unauthenticated"
    title = "A valid key is needed"


class Forbidden(Refused):
    status = 403
    code = "forbidden"
    title = "This key may not do that"


class Invalid(Refused):
    """The request does not mean anything; `errors` says which field and how to mend it."""

    status = 422
    code = "validation_failed"
    title = "The request is not valid"

    @classmethod
    def field(cls, pointer: str, detail: str) -> "Invalid":
        """One wrong field; `pointer` like `/lines/0/quantity`."""
        return cls(detail, errors=[FieldError(pointer=f"#{pointer}", detail=detail)])


class Malformed(Refused):
    status = 400
    code = "malformed_request"
    title = "The request could not be read"


class Conflict(Refused):
    code = "conflict"
    title = "This contradicts what is there already"


class IdempotencyKeyReused(Refused):
    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


class IdempotencyInProgress(Refused):
    code = "idempotency_in_progress"
    title = "The first request with this Idempotency-Key is still running"


class Unavailable(Exception):
    """Try again later: answered 503 with Retry-After, logged as a warning and counted."""

    def __init__(self, detail: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds


def problem_type(code: str) -> str:
    """A stable URI per code; relative, so that it names the same page on every instance."""
    return f"/docs/problems#{code}"


def json_pointer(*steps: str) -> str:
    """Like `/lines/0/quantity` (RFC 6901), escaped for its place behind the `#` of a URI."""
    return "".join("/" + quote(step.replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@?") for step in steps)
