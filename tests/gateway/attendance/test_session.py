from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from gateway.attendance import session as session_module
from gateway.attendance.session import PLAIN_NAME, SECURE_NAME, Sessions
from gateway.settings import GatewaySettings
from services.kit.errors import Forbidden
from services.kit.principal import Principal

SECRET = b"an instance secret for the tests"
KEY = Principal(
    actor=f"key:{uuid4()}", establishment_id=uuid4(), establishment_slug="ours", scopes=frozenset({"admin"})
)


def sessions(url: str = "https://tickets.example", secret: bytes = SECRET) -> Sessions:
    return Sessions(GatewaySettings(public_url=url, secret=secret))


def cookie_of(made: Sessions, principal: Principal = KEY) -> dict[str, str]:
    [(_, header)] = made.begin(principal)
    name, _, value = header.decode().partition(";")[0].partition("=")
    return {name: value}


def test_session_may_read_reports_and_no_more_than_that():
    found = sessions().find(cookie_of(sessions()))
    assert found is not None
    assert found.principal == Principal(
        actor=KEY.actor, establishment_id=KEY.establishment_id, scopes=frozenset({"reports:read"})
    )
    assert abs(found.ends_at - datetime.now(UTC) - timedelta(hours=8)) < timedelta(seconds=5)


def test_cookie_is_of_this_host_alone_where_there_is_https():
    [(_, secure)] = sessions().begin(KEY)
    assert secure.startswith(f"{SECURE_NAME}=".encode())
    assert secure.endswith(b"; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure")
    assert list(cookie_of(sessions("http://127.0.0.1:8000"))) == [PLAIN_NAME]


def test_cookie_of_another_instance_and_of_another_name_is_none():
    cookie = cookie_of(sessions())
    assert sessions(secret=SECRET[::-1]).find(cookie) is None
    assert sessions("http://127.0.0.1").find(cookie) is None
    assert sessions().find({}) is None


def test_session_ends_by_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session_module, "LIFETIME", timedelta(0))
    made = sessions()
    assert made.find(cookie_of(made)) is None


@pytest.mark.parametrize(
    "other",
    [
        Principal(),
        Principal(actor="operator:1", scopes=frozenset({"operator"})),
        Principal(actor=f"key:{uuid4()}", establishment_id=uuid4(), scopes=frozenset({"orders:read", "entry:scan"})),
        Principal(actor=f"device:{uuid4()}", establishment_id=uuid4(), scopes=frozenset({"reports:read"})),
    ],
)
def test_only_keys_that_read_reports_get_one(other: Principal):
    with pytest.raises(Forbidden):
        sessions().begin(other)
