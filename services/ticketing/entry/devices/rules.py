"""How a scanner is paired: a code for people to read out, type or photograph, good for ten minutes and one phone."""

import hmac
import re
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from services.kit.errors import Forbidden, NotFound
from services.kit.principal import Principal
from services.ticketing.tickets.code import SHORT_ALPHABET

PAIRING_CHARACTERS: Final = 8
PAIRING_LIFETIME: Final = timedelta(minutes=10)
_HALF: Final = PAIRING_CHARACTERS // 2
_SEPARATORS: Final = re.compile(r"[\s\-\u2010-\u2013\u2212_.]")
_ACTOR: Final = "device:"


class UnknownPairingCode(NotFound):
    """Wrong, used and old codes look the same on purpose."""

    code = "unknown_pairing_code"
    title = "This pairing code is not valid: ask for a new one"


def new_pairing_code() -> str:
    """39 bits, guessed against the limit of wrong keys: in ten minutes, a handful of tries."""
    return "".join(secrets.choice(SHORT_ALPHABET) for _ in range(PAIRING_CHARACTERS))


def shown(code: str) -> str:
    """`K7P49XQ2` as people read it: `K7P4-9XQ2`."""
    return f"{code[:_HALF]}-{code[_HALF:]}"


def pairing_link(public_url: str, code: str) -> str:
    """What the QR holds. Behind the `#`, where no server sees it."""
    return f"{public_url}/scanner#pair={shown(code)}"


def pairing_hash(instance_secret: bytes, text: str) -> bytes:
    """Under which a code is kept: any case, spaces and hyphens anywhere. Raises `UnknownPairingCode`."""
    typed = _SEPARATORS.sub("", text)
    # Judged before changing case: some letters of other alphabets become ASCII capitals.
    code = typed.upper().replace("U", "V") if typed.isascii() else ""
    if len(code) != PAIRING_CHARACTERS or not set(code) <= set(SHORT_ALPHABET):
        raise UnknownPairingCode
    # With the instance's secret: by the hash alone, so short a code could be found by trying all there are.
    return hmac.digest(instance_secret, b"pairing code v1" + code.encode(), "sha256")


def device_of(principal: Principal) -> UUID | None:
    """The scanner that asks, None for anybody else."""
    return UUID(principal.actor.removeprefix(_ACTOR)) if principal.actor.startswith(_ACTOR) else None


def own_device(principal: Principal) -> UUID:
    """Raises `Forbidden` for who is no scanner."""
    device_id = device_of(principal)
    if device_id is None:
        raise Forbidden("Only a paired scanner tells about itself.")
    return device_id
