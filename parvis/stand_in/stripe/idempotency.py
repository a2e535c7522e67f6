"""Idempotency-Key: the first answer is given again for 24 hours, per account."""

import hashlib

from parvis.stand_in.stripe.books import Books
from parvis.stand_in.stripe.errors import StripeProblem
from parvis.stand_in.stripe.objects import KeptAnswer

_KEPT_SECONDS = 24 * 3600
_MAXIMUM_KEY_LENGTH = 255


class KeyedCall:
    """One POST with its key, between `begin` and `end`."""

    def __init__(self, account: str, key: str, endpoint: str, pairs: list[tuple[str, str]]) -> None:
        self.account = account
        self.key = key
        self.endpoint = endpoint
        self.id = f"{account} {key}"
        self.fingerprint = hashlib.sha256(repr(sorted(pairs)).encode()).hexdigest()


class IdempotencyDesk:
    def __init__(self, books: Books) -> None:
        self._books = books
        self._running: set[str] = set()

    def begin(self, call: KeyedCall) -> KeptAnswer | None:
        """The answer to repeat, or nothing: then the caller owns the key until `end`.

        Raises 409 `idempotency_key_in_use` while the first call runs, 400 `idempotency_error` for another call.
        """
        if len(call.key) > _MAXIMUM_KEY_LENGTH:
            message = "Idempotency keys can be up to 255 characters long."
            raise StripeProblem(400, "idempotency_error", message, final=False)
        if call.id in self._running:
            message = (
                f"There is currently another in-progress request using this Idempotency Key: {call.key}. "
                "Wait for it to finish, then retry."
            )
            raise StripeProblem(
                409, "idempotency_error", message, details={"code": "idempotency_key_in_use"}, final=False
            )
        kept = self._books.answers.get(call.id)
        if kept is not None and kept.created > self._books.now() - _KEPT_SECONDS:
            return self._repeat(kept, call)
        self._running.add(call.id)
        return None

    def end(self, call: KeyedCall, answer: tuple[int, str] | None) -> None:
        """Without an answer the key is free again."""
        self._running.discard(call.id)
        if answer is None:
            return
        status, body = answer
        kept = KeptAnswer(
            id=call.id,
            account=call.account,
            created=self._books.now(),
            endpoint=call.endpoint,
            fingerprint=call.fingerprint,
            http_status=status,
            body=body,
        )
        self._books.answers.put(kept)

    def forget_old_answers(self) -> None:
        limit = self._books.now() - _KEPT_SECONDS
        for kept in self._books.answers.all():
            if kept.created > limit:
                break  # the shelf is in order of creation
            self._books.answers.remove(kept)

    def _repeat(self, kept: KeptAnswer, call: KeyedCall) -> KeptAnswer:
        if kept.endpoint != call.endpoint:
            difference = f"for the same endpoint they were first used for ('{call.endpoint}' vs '{kept.endpoint}')"
        elif kept.fingerprint != call.fingerprint:
            difference = "with the same parameters they were first used with"
        else:
            return kept
        message = (
            f"Keys for idempotent requests can only be used {difference}. "
            f"Try using a key other than '{call.key}' if you meant to execute a different request."
        )
        raise StripeProblem(400, "idempotency_error", message, final=False)
