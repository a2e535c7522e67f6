"""The principal on the wire between processes: a signed token that lives at most a minute.

In one process the gateway hands the principal over in the ASGI scope and none of this runs.
"""

import time
from typing import Literal, TypeAlias, get_args

import jwt
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.kit.errors import Unauthenticated
from services.kit.principal import Principal

HEADER = "parvis-principal"
LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 5
# The gateway uses a token for half a minute: checking the signature again at each request costs more than the request.
TOKENS_REMEMBERED = 1_000
TOKEN_TYPE = "parvis-principal+jwt"  # noqa: S105 - a media type, not a secret

Service: TypeAlias = Literal["inventory", "ticketing"]
Issuer: TypeAlias = Literal["gateway", "ticketing"]
ISSUERS: tuple[Issuer, ...] = get_args(Issuer)


def signing_key(instance_secret: bytes) -> Ed25519PrivateKey:
    """The key of this instance's internal tokens, the same in each of its processes."""
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"parvis internal tokens v1")
    return Ed25519PrivateKey.from_private_bytes(derived.derive(instance_secret))


class PrincipalSigner:
    def __init__(self, key: Ed25519PrivateKey, issuer: Issuer) -> None:
        self._key = key
        self._issuer = issuer

    def token(self, principal: Principal, audience: Service) -> str:
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": audience,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "principal": msgspec.to_builtins(principal),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": TOKEN_TYPE})


class PrincipalVerifier:
    def __init__(self, key: Ed25519PublicKey, audience: Service) -> None:
        self._key = key
        self._audience = audience
        self._checked: dict[str, tuple[Principal, float]] = {}

    def principal(self, token: str) -> Principal:
        """Raises `Unauthenticated` unless the token is signed, meant for this service and fresh."""
        known = self._checked.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        principal, expires_at = self._check(token)
        if len(self._checked) >= TOKENS_REMEMBERED:
            del self._checked[next(iter(self._checked))]
        self._checked[token] = principal, expires_at
        return principal

    def _check(self, token: str) -> tuple[Principal, float]:
        try:
            if jwt.get_unverified_header(token).get("typ") != TOKEN_TYPE:
                raise Unauthenticated("This is not a principal token.")
            claims = jwt.decode(
                token,
                self._key,
                algorithms=["EdDSA"],
                audience=self._audience,
                issuer=ISSUERS,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
            if claims["exp"] - claims["iat"] > LIFETIME_SECONDS:
                raise Unauthenticated("The principal token lives too long.")
            return msgspec.convert(claims["principal"], Principal), float(claims["exp"])
        except (jwt.PyJWTError, msgspec.ValidationError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise Unauthenticated("The principal token is not valid.") from error
