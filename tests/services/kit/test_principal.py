import time
from typing import get_args
from uuid import uuid4

import jwt
import msgspec
import pytest

from services.kit.errors import Unauthenticated
from services.kit.principal import ANONYMOUS, IMPLIED, Principal, Scope
from services.kit.principal_token import LIFETIME_SECONDS, PrincipalSigner, PrincipalVerifier, signing_key

SCOPES = set(get_args(Scope))


def test_principal_may_what_its_scopes_say_and_no_more():
    reader = Principal(scopes=frozenset({"orders:read"}))
    assert {scope for scope in SCOPES if reader.may(scope)} == {"orders:read", "entry:search"}
    assert not any(ANONYMOUS.may(scope) for scope in SCOPES)


def test_admin_may_everything_in_its_establishment():
    admin = Principal(scopes=frozenset({"admin"}))
    assert {scope for scope in SCOPES if admin.may(scope)} == SCOPES - {"operator"}
    assert IMPLIED["admin"] == SCOPES - {"operator", "admin"}


def test_operator_may_not_look_inside_an_establishment():
    operator = Principal(scopes=frozenset({"operator"}))
    assert {scope for scope in SCOPES if operator.may(scope)} == {"operator"}


def test_principal_names_its_establishment_by_slug_and_id():
    establishment_id = uuid4()
    principal = Principal(establishment_id=establishment_id, establishment_slug="louvre")
    assert principal.names("louvre")
    assert principal.names(str(establishment_id))
    for other in (str(uuid4()), "orsay", "", "Louvre", "None"):
        assert not principal.names(other)


def test_principal_without_an_establishment_names_none():
    # Its slug is the empty string: that must not open /v1/establishments//…
    assert not ANONYMOUS.names("")
    assert not Principal(establishment_slug="louvre").names("louvre")
    with pytest.raises(LookupError):
        _ = ANONYMOUS.tenant


def test_principal_survives_the_wire():
    principal = Principal(
        actor="device:1",
        establishment_id=uuid4(),
        establishment_slug="louvre",
        scopes=frozenset({"entry:scan"}),
        order_id=uuid4(),
        gate_ids=frozenset({uuid4(), uuid4()}),
    )
    assert msgspec.convert(msgspec.to_builtins(principal), Principal) == principal
    assert principal.tenant == principal.establishment_id


def test_token_is_checked_once_and_ends_in_time(monkeypatch: pytest.MonkeyPatch):
    key = signing_key(b"s" * 32)
    token = PrincipalSigner(key, "gateway").token(ANONYMOUS, "inventory")
    verifier = PrincipalVerifier(key.public_key(), "inventory")
    assert verifier.principal(token) == ANONYMOUS

    def refuse(*_: object, **__: object) -> None:
        raise jwt.InvalidTokenError

    monkeypatch.setattr(jwt, "decode", refuse)
    assert verifier.principal(token) == ANONYMOUS
    later = time.time() + LIFETIME_SECONDS
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated):
        verifier.principal(token)
