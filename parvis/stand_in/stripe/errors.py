from typing import Literal, TypeAlias

JsonObject: TypeAlias = dict[str, object]

ErrorType = Literal["api_error", "card_error", "idempotency_error", "invalid_request_error"]


class StripeProblem(Exception):
    """An error as Stripe answers it: an HTTP status and an `error` object.

    `final` tells whether the call had started to act: only then does Stripe keep the answer for its Idempotency-Key.
    """

    def __init__(
        self, status: int, error_type: ErrorType, message: str, *, details: JsonObject | None = None, final: bool = True
    ) -> None:
        super().__init__(message)
        self.status = status
        self.final = final
        self._error: JsonObject = {**(details or {}), "message": message, "type": error_type}

    def body(self) -> JsonObject:
        return {"error": self._error}


def invalid_request(message: str, *, code: str | None = None, param: str | None = None) -> StripeProblem:
    """Refused by the state of an object, after the parameters were read."""
    return StripeProblem(400, "invalid_request_error", message, details=_present(code, param))


def bad_parameter(message: str, *, param: str, code: str | None = None) -> StripeProblem:
    """Refused while the parameters were read; nothing happened, so the Idempotency-Key stays unused."""
    return StripeProblem(400, "invalid_request_error", message, details=_present(code, param), final=False)


def missing_resource(noun: str, object_id: str, *, param: str = "id", status: int = 404) -> StripeProblem:
    message = f"No such {noun}: '{object_id}'"
    details = _present("resource_missing", param)
    return StripeProblem(status, "invalid_request_error", message, details=details, final=False)


def _present(code: str | None, param: str | None) -> JsonObject:
    return {name: value for name, value in (("code", code), ("param", param)) if value is not None}
