"""How scanners and the hub know each other on a network that nobody vouches for: by the keys of the entry pass.

A question carries the scanner's signature, the answer that of the hub over the question's: an answer cannot be made up
by whoever sits in between, nor be an old one. `gateway/scanner/static/app/hub.js` does the same in the browser.
"""

import base64
import hashlib
from typing import Final

QUESTION_DOMAIN: Final = b"parvis hub v1"
ANSWER_DOMAIN: Final = b"parvis hub answer v1"
DEVICE_HEADER: Final = "parvis-device"
SIGNATURE_HEADER: Final = "parvis-signature"
NUL: Final = b"\0"


def question(method: str, path: str, body: bytes) -> bytes:
    """What a scanner signs; `path` with its query, as it goes over the wire."""
    return NUL.join((QUESTION_DOMAIN, method.encode(), path.encode(), hashlib.sha256(body).digest()))


def answer(question_signature: bytes, status: int, body: bytes) -> bytes:
    """What the hub signs."""
    return NUL.join((ANSWER_DOMAIN, question_signature, str(status).encode(), hashlib.sha256(body).digest()))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
