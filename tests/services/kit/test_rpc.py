"""A contract over HTTP: what one service raises, the other one catches; anything unclear is `Unavailable`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Annotated

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar.types import ASGIApp

from services.kit.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Refused, Unavailable
from services.kit.principal import Principal
from services.kit.principal_token import HEADER, PrincipalSigner, PrincipalVerifier, signing_key
from services.kit.rpc import RemoteContract, RemoteMethod, internal_handler
from services.kit.service import service_app
from services.kit.web import PrincipalFromToken
from tests.gateway.served import served
from tests.services.kit.canned_server import canned_server, http_answer

KEY = signing_key(b"s" * 32)
SIGNER = PrincipalSigner(KEY, "ticketing")


class Sum(msgspec.Struct, frozen=True):
    numbers: Annotated[list[int], msgspec.Meta(max_length=3)]
    text: str = ""


class SoldOutHere(Refused):
    code = "sold_out_here"
    title = "Nothing is left"


class Adder:
    """A service; `error` is what it raises instead."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0

    async def add(self, request: Sum) -> Sum:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return Sum([sum(request.numbers)], request.text)

    async def names(self) -> list[str]:
        return ["Zoé", "Ada"]

    async def forget(self, request: Sum) -> None:
        assert request.numbers

    async def secret(self, request: Sum) -> Sum:
        return request


METHODS = {
    "add": RemoteMethod(Sum, Sum),
    "names": RemoteMethod(None, list[str]),
    "forget": RemoteMethod(Sum, None),
}
Serve = Callable[[ASGIApp], Awaitable[str]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:
        yield lambda app: stack.enter_async_context(served(app))


@pytest.fixture
def adder() -> Adder:
    return Adder()


@pytest_asyncio.fixture
async def url(adder: Adder, serve: Serve) -> str:
    app = service_app("Adder", [internal_handler(adder, METHODS)], provided={})
    return await serve(PrincipalFromToken(app, PrincipalVerifier(KEY.public_key(), "inventory")))


@pytest_asyncio.fixture
async def remote(url: str) -> AsyncIterator[RemoteContract]:
    remote = RemoteContract(url, "inventory", SIGNER, METHODS)
    yield remote
    await remote.close()


async def test_call_brings_the_answer_back_in_its_type(remote: RemoteContract):
    assert await remote.call("add", Sum([1, 2], "é")) == Sum([3], "é")
    assert await remote.call("names") == ["Zoé", "Ada"]
    assert await remote.call("forget", Sum([1])) is None


@pytest.mark.parametrize(
    "error",
    [
        SoldOutHere("Slot 3.", remaining=0),
        Conflict("Taken."),
        NotFound(),
        Forbidden("No."),
        Invalid.field("/lines/0", "Wrong."),
        Invalid("Two.", errors=[FieldError("#/a", "One."), FieldError("#/b", "Two.")]),
    ],
    ids=lambda error: error.code,
)
async def test_refusal_comes_back_as_the_error_it_was(remote: RemoteContract, adder: Adder, error: Refused):
    adder.error = error
    with pytest.raises(Refused) as refused:
        await remote.call("add", Sum([1]))
    assert type(refused.value) is type(error)
    assert refused.value.problem() == error.problem()
    assert adder.calls == 1


@pytest.mark.parametrize("error", [Unavailable("Busy."), RuntimeError("bug")], ids=["unavailable", "bug"])
async def test_trouble_on_the_other_side_is_unavailable(remote: RemoteContract, adder: Adder, error: Exception):
    adder.error = error
    with pytest.raises(Unavailable):
        await remote.call("add", Sum([1]))
    # Whether it took effect is for the caller to find out, with the same ids.
    assert adder.calls == 1


async def test_service_that_is_not_there_is_unavailable():
    remote = RemoteContract("http://127.0.0.1:1", "inventory", SIGNER, METHODS)
    with pytest.raises(Unavailable):
        await remote.call("names")
    await remote.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        http_answer(200, b"[1, 2]"),
        http_answer(200, b"not json"),
        http_answer(200, b""),
        http_answer(204, b""),
        http_answer(302, b"", "Location: http://127.0.0.1:1/"),
        http_answer(404, b"<html>no such upstream</html>"),
        http_answer(400, b'{"title": "not of ours"}'),
        http_answer(500, b'{"code": "conflict"}'),
        http_answer(502, b"bad gateway"),
        http_answer(200, b'["Ada"]')[:-3],
    ],
)
async def test_answer_that_makes_no_sense_is_unavailable(answer: bytes):
    async with canned_server() as canned:
        canned.answer = answer
        remote = RemoteContract(canned.url, "inventory", SIGNER, METHODS)
        with pytest.raises(Unavailable):
            await remote.call("names")
        assert canned.connections == 1
        await remote.close()


async def test_answer_that_takes_too_long_is_unavailable():
    async with canned_server() as canned:
        canned.pause_seconds = 0.3
        remote = RemoteContract(canned.url, "inventory", SIGNER, METHODS, timeout_seconds=0.1)
        with pytest.raises(Unavailable):
            await remote.call("names")
        await remote.close()


@pytest.mark.parametrize(
    "principal",
    [None, Principal(), Principal(actor="operator:1", scopes=frozenset({"operator"})), Principal(actor="service")],
)
async def test_internal_route_is_for_services_only(url: str, principal: Principal | None):
    headers = {HEADER: SIGNER.token(principal, "inventory")} if principal else {}
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        answer = await http.post("/internal/names", headers=headers)
    assert answer.status_code == (200 if principal and principal.actor == "service" else 404)


@pytest.mark.parametrize("method", ["secret", "error", "__init__", "__class__", "calls", "no such"])
async def test_only_the_methods_of_the_contract_can_be_called(url: str, method: str):
    headers = {HEADER: SIGNER.token(Principal(actor="service"), "inventory")}
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        answer = await http.post(f"/internal/{method}", headers=headers, json={"numbers": []})
    assert answer.status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"numbers": "1"}', b'{"numbers": [1, 2, 3, 4]}'])
async def test_request_of_the_wrong_shape_reaches_nobody(url: str, adder: Adder, body: bytes):
    headers = {HEADER: SIGNER.token(Principal(actor="service"), "inventory")}
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        answer = await http.post("/internal/add", headers=headers, content=body)
    assert answer.status_code in (422, 500)
    assert adder.calls == 0
