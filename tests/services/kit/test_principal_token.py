"""The principal between processes: what a forger may try, and what it gets."""

import base64
import json
import time
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


NOW = int(time.time())
PUBLIC_PEM = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
PUBLIC_RAW = KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
GENUINE = signed()
HEADER_PART, CLAIMS_PART, SIGNATURE_PART = GENUINE.split(".")
ESCALATED = part(claims(principal=msgspec.to_builtins(Principal(actor="operator:1", scopes=frozenset({"operator"})))))


def hmac_with_public_key(public: bytes) -> str:
    """Algorithm confusion: the public key as the secret of an HMAC."""
    signer = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    head = f"{part({'alg': 'HS256', 'typ': TOKEN_TYPE})}.{ESCALATED}"
    mac = base64.urlsafe_b64encode(signer.sign(head.encode(), public)).rstrip(b"=").decode()
    return f"{head}.{mac}"


ATTACKS = {
    "nothing": "",
    "no token": "Bearer",
    "two parts": f"{HEADER_PART}.{CLAIMS_PART}",
    "no signature": f"{HEADER_PART}.{CLAIMS_PART}.",
    "other claims": f"{HEADER_PART}.{ESCALATED}.{SIGNATURE_PART}",
    "algorithm none": f"{part({'alg': 'none', 'typ': TOKEN_TYPE})}.{ESCALATED}.",
    "algorithm None": f"{part({'alg': 'None', 'typ': TOKEN_TYPE})}.{ESCALATED}.",
    "hmac with the public key, PEM": hmac_with_public_key(PUBLIC_PEM),
    "hmac with the public key, raw": hmac_with_public_key(PUBLIC_RAW),
    "key of another instance": signed(signing_key(b"x" * 32)),
    "key in the header": jwt.encode(
        claims(),
        signing_key(b"x" * 32),
        algorithm="EdDSA",
        headers={"typ": TOKEN_TYPE, "jwk": jwt.algorithms.OKPAlgorithm.to_jwk(signing_key(b"x" * 32), as_dict=True)},
    ),
    "other audience": signed(aud="inventory"),
    "no audience": signed(aud=None),
    "audience in a list of others": signed(aud=["inventory", "gateway"]),
    "expired": signed(iat=NOW - 600, exp=NOW - LEEWAY_SECONDS - 1),
    "no expiry": signed(exp=None),
    "expiry that is no number": signed(exp="never"),
    "lives a year": signed(exp=NOW + 31_536_000),
    "lives a year, from next year": signed(iat=NOW + 31_536_000, exp=NOW + 31_536_060),
    "no issue time": signed(iat=None),
    "no issuer": signed(iss=None),
    "not yet valid": signed(nbf=NOW + 600),
    "other type": signed(typ="JWT"),
    "no type": signed(typ=None),
    "no principal": signed(principal=None),
    "principal is a name": signed(principal="admin"),
    "scopes are a word": signed(principal={"scopes": "admin"}),
    "establishment is no id": signed(principal={"establishment_id": "louvre"}),
    "very long": "a" * 100_000,
    "not ascii": "é.é.é",
    "header is no json": f"{base64.urlsafe_b64encode(b'x').decode()}.{CLAIMS_PART}.{SIGNATURE_PART}",
    "header is a list": f"{part(['EdDSA'])}.{CLAIMS_PART}.{SIGNATURE_PART}",
    "critical extension": jwt.encode(
        claims(), KEY, algorithm="EdDSA", headers={"typ": TOKEN_TYPE, "crit": ["exp"], "exp": 0}
    ),
}


@pytest.mark.parametrize("token", ATTACKS.values(), ids=ATTACKS)
def test_forged_token_is_refused(token: str):
    with pytest.raises(Unauthenticated):
        TICKETING.principal(token)


def test_every_changed_character_is_noticed():
    for index, letter in enumerate(GENUINE[:-1]):
        changed = GENUINE[:index] + ("A" if letter != "A" else "B") + GENUINE[index + 1 :]
        with pytest.raises(Unauthenticated):
            TICKETING.principal(changed)


def test_clock_of_another_machine_may_differ_a_little():
    ahead = signed(iat=NOW + LEEWAY_SECONDS - 2, exp=NOW + LEEWAY_SECONDS - 2 + LIFETIME_SECONDS)
    behind = signed(iat=int(time.time()) - LIFETIME_SECONDS - 2, exp=int(time.time()) - 2)
    assert TICKETING.principal(ahead) == PRINCIPAL
    assert TICKETING.principal(behind) == PRINCIPAL


def test_refusal_says_nothing_about_the_token():
    with pytest.raises(Unauthenticated) as refused:
        TICKETING.principal(ATTACKS["other claims"])
    assert refused.value.detail == "The principal token is not valid."
