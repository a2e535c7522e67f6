"""The principal between processes: what a forger may try, and what it gets."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization

from services.kit.errors import Unauthenticated
from services.kit.principal import Principal
from services.kit.principal_token import (
    LEEWAY_SECONDS,
    LIFETIME_SECONDS,
    TOKEN_TYPE,
    PrincipalSigner,
    PrincipalVerifier,
    signing_key,
)

SECRET = b"0123456789abcdef0123456789abcdef"
KEY = signing_key(SECRET)
PRINCIPAL = Principal(
    actor="key:7",
    establishment_id=uuid4(),
    establishment_slug="louvre",
    scopes=frozenset({"admin"}),
    gate_ids=frozenset({uuid4()}),
)
SIGNER = PrincipalSigner(KEY, "gateway")
TICKETING = PrincipalVerifier(KEY.public_key(), "ticketing")


def claims(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    now = int(time.time())
    fresh = {
        "iss": "gateway",
        "aud": "ticketing",
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "principal": msgspec.to_builtins(PRINCIPAL),
    }
    merged = fresh | changes
    return {name: value for name, value in merged.items() if value is not None}


def signed(key: Any = KEY, algorithm: str = "EdDSA", typ: str | None = TOKEN_TYPE, **changes: Any) -> str:  # noqa: ANN401 - JSON
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"typ": typ})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_token_brings_the_principal_across():
    assert TICKETING.principal(SIGNER.token(PRINCIPAL, "ticketing")) == PRINCIPAL
    assert TICKETING.principal(SIGNER.token(Principal(), "ticketing")) == Principal()


def test_every_process_of_an_instance_derives_the_same_key():
    elsewhere = PrincipalVerifier(signing_key(SECRET).public_key(), "ticketing")
    assert elsewhere.principal(SIGNER.token(PRINCIPAL, "ticketing")) == PRINCIPAL


def test_what_is_signed_here_is_believed():
    # The control of the attacks below: it is not for another reason that they fail.
    assert TICKETING.principal(signed()) == PRINCIPAL


PUBLIC_PEM = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
PUBLIC_RAW = KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
STRANGER = signing_key(b"x" * 32)
YEAR = 31_536_000


def now(seconds: int = 0) -> int:
    return int(time.time()) + seconds


def parts(header: str | None = None, claims: str | None = None, signature: str | None = None) -> str:
    """A genuine token, but for the parts given."""
    genuine = signed().split(".")
    return ".".join(
        mine if mine is not None else own for mine, own in zip((header, claims, signature), genuine, strict=True)
    )


def escalated() -> str:
    return part(claims(principal=msgspec.to_builtins(Principal(actor="operator:1", scopes=frozenset({"operator"})))))


def hmac_with_public_key(public: bytes) -> str:
    """Algorithm confusion: the public key as the secret of an HMAC."""
    signer = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    head = f"{part({'alg': 'HS256', 'typ': TOKEN_TYPE})}.{escalated()}"
    mac = base64.urlsafe_b64encode(signer.sign(head.encode(), public)).rstrip(b"=").decode()
    return f"{head}.{mac}"


def with_its_own_key() -> str:
    own = jwt.algorithms.OKPAlgorithm.to_jwk(STRANGER, as_dict=True)
    return jwt.encode(claims(), STRANGER, algorithm="EdDSA", headers={"typ": TOKEN_TYPE, "jwk": own})


def with_a_critical_extension() -> str:
    return jwt.encode(claims(), KEY, algorithm="EdDSA", headers={"typ": TOKEN_TYPE, "crit": ["exp"], "exp": 0})


# Made when the test runs: a token that has expired meanwhile would be refused for that.
ATTACKS: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "no token": lambda: "Bearer",
    "two parts": lambda: signed().rsplit(".", 1)[0],
    "no signature": lambda: parts(signature=""),
    "other claims": lambda: parts(claims=escalated()),
    "algorithm none": lambda: parts(part({"alg": "none", "typ": TOKEN_TYPE}), escalated(), ""),
    "algorithm None": lambda: parts(part({"alg": "None", "typ": TOKEN_TYPE}), escalated(), ""),
    "hmac with the public key, PEM": lambda: hmac_with_public_key(PUBLIC_PEM),
    "hmac with the public key, raw": lambda: hmac_with_public_key(PUBLIC_RAW),
    "key of another instance": lambda: signed(STRANGER),
    "key in the header": with_its_own_key,
    "other audience": lambda: signed(aud="inventory"),
    "no audience": lambda: signed(aud=None),
    "audience in a list of others": lambda: signed(aud=["inventory", "gateway"]),
    "expired": lambda: signed(iat=now(-LEEWAY_SECONDS - 60), exp=now(-LEEWAY_SECONDS - 1)),
    "no expiry": lambda: signed(exp=None),
    "expiry that is no number": lambda: signed(exp="never"),
    "lives a year": lambda: signed(exp=now(YEAR)),
    "lives a minute, a year from now": lambda: signed(iat=now(YEAR), exp=now(YEAR + 60)),
    "no issue time": lambda: signed(iat=None),
    "no issuer": lambda: signed(iss=None),
    "other issuer": lambda: signed(iss="stranger"),
    "not yet valid": lambda: signed(nbf=now(600)),
    "other type": lambda: signed(typ="JWT"),
    "no type": lambda: signed(typ=None),
    "no principal": lambda: signed(principal=None),
    "principal is a name": lambda: signed(principal="admin"),
    "scopes are a word": lambda: signed(principal={"scopes": "admin"}),
    "establishment is no id": lambda: signed(principal={"establishment_id": "louvre"}),
    "very long": lambda: "a" * 100_000,
    "not ascii": lambda: "é.é.é",
    "header is no json": lambda: parts(header=base64.urlsafe_b64encode(b"x").decode()),
    "header is a list": lambda: parts(header=part(["EdDSA"])),
    "critical extension": with_a_critical_extension,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_forged_token_is_refused(attack: Callable[[], str]):
    with pytest.raises(Unauthenticated):
        TICKETING.principal(attack())


def test_every_changed_character_is_noticed():
    genuine = signed()
    # The last character of the signature holds bits that stand for nothing.
    for index, letter in enumerate(genuine[:-1]):
        changed = genuine[:index] + ("A" if letter != "A" else "B") + genuine[index + 1 :]
        with pytest.raises(Unauthenticated):
            TICKETING.principal(changed)
    assert TICKETING.principal(genuine) == PRINCIPAL


def test_clock_of_another_machine_may_differ_a_little():
    ahead = LEEWAY_SECONDS - 2
    assert TICKETING.principal(signed(iat=now(ahead), exp=now(ahead + LIFETIME_SECONDS))) == PRINCIPAL
    assert TICKETING.principal(signed(iat=now(-LIFETIME_SECONDS - 2), exp=now(-2))) == PRINCIPAL


def test_refusal_says_nothing_about_the_token():
    with pytest.raises(Unauthenticated) as refused:
        TICKETING.principal(parts(claims=escalated()))
    assert refused.value.detail == "The principal token is not valid."
