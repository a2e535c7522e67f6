import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.kit.outgoing import OutgoingRefused, is_public, outgoing_client
from tests.services.kit.canned_server import CannedServer, canned_server, http_answer

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
REBOUND = "rebound.example.org"
LOOPBACK = frozenset({"127.0.0.1"})

# Where no URL that an establishment gives may lead.
REFUSED_TARGETS = [
    # loopback and this host, in every spelling that some resolver takes
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.255.255.254/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    # private networks
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fc00::1]/",
    "https://[fd12:3456:789a::1]/",
    "https://[fec0::1]/",
    # link-local and the metadata services of clouds
    "https://169.254.169.254/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://2852039166/",
    "https://[::ffff:169.254.169.254]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fd20:ce::254]/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    # shared, special, test, multicast and reserved ranges
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    # IPv4 inside IPv6: NAT64, local NAT64, 6to4, Teredo
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    # names that lead there
    "https://inside.example.org/",
    "https://metadata.example.org/",
    "https://mapped.example.org/",
    "https://nowhere.example.org/",
    # other schemes, ports and users
    "http://93.184.215.14/",
    "http://public.example.org/",
    "https://public.example.org:22/",
    "https://public.example.org:80/",
    "https://public.example.org:5432/",
    "https://public.example.org:6379/",
    "https://someone@public.example.org/",
    "https://public.example.org:secret@127.0.0.1/",
    "https://public.example.org%2f@127.0.0.1/",
    "ftp://public.example.org/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
]
NAMES = {
    "inside.example.org": ["10.1.2.3", "192.168.0.7"],
    "metadata.example.org": ["169.254.169.254"],
    "mapped.example.org": ["::ffff:127.0.0.1", "64:ff9b::7f00:1"],
    "nowhere.example.org": [],
    "public.example.org": [PUBLIC],
    "mixed.example.org": ["127.0.0.1", PUBLIC_V6, "fe80::1%2"],
    "localhost": ["::1", "127.0.0.1"],
    "localhost.": ["::1", "127.0.0.1"],
}
# What the C library makes of numbers that are no dotted quads.
SPELLINGS = {
    "0": "0.0.0.0",  # noqa: S104 - an address to refuse
    "127.1": "127.0.0.1",
    "127.0.1": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0x7f000001": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",
    "017700000001": "127.0.0.1",
    "0x7f.0x0.0x0.0x1": "127.0.0.1",
    "0xa9fea9fe": "169.254.169.254",
    "2852039166": "169.254.169.254",
}


class Names:
    """A name server that remembers what it was asked; `rebound.example.org` is public only the first time."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        assert port
        self.asked.append(host)
        if host == REBOUND:
            return [PUBLIC] if self.asked.count(host) == 1 else ["127.0.0.1"]
        return NAMES.get(host) or [SPELLINGS.get(host, host)] * (host not in NAMES)


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where a connection would have gone; none is made."""
    tried: list[tuple[str, int]] = []

    async def connect(_: object, host: str, port: int, *_more: object) -> httpcore.AsyncNetworkStream:
        tried.append((host, port))
        raise httpcore.ConnectError("This test connects to nothing.")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    return tried


@pytest.fixture
async def server() -> AsyncIterator[CannedServer]:
    async with canned_server() as canned:
        yield canned


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """What a server shows that only says that it is `localhost`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


@pytest.mark.parametrize("url", REFUSED_TARGETS)
async def test_target_inside_our_network_is_refused(url: str, names: Names, connected: list[tuple[str, int]]):
    async with outgoing_client(None, 1, resolve=names.resolve) as client:
        with pytest.raises((OutgoingRefused, httpx.InvalidURL)):
            await client.get(url)
    assert connected == []


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_odd_spelling_of_an_address_is_refused_with_the_machines_own_resolver(
    spelling: str, connected: list[tuple[str, int]]
):
    async with outgoing_client(None, 1) as client:
        with pytest.raises((OutgoingRefused, httpx.ConnectError, httpx.InvalidURL)):
            await client.get(f"https://{spelling}/")
    assert connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "inside.example.org", "public.example.org"])
async def test_host_that_is_not_named_is_refused(host: str, names: Names, connected: list[tuple[str, int]]):
    async with outgoing_client(frozenset({"api.example.org"}), 1, resolve=names.resolve) as client:
        for scheme in ("https", "http"):
            with pytest.raises(OutgoingRefused):
                await client.get(f"{scheme}://[{host}]/" if ":" in host else f"{scheme}://{host}/")
    assert (names.asked, connected) == ([], [])


@pytest.mark.parametrize("host", ["inside.example.org", "metadata.example.org", "10.0.0.1", "169.254.169.254"])
async def test_named_host_with_a_private_address_is_refused(host: str, names: Names, connected: list[tuple[str, int]]):
    async with outgoing_client(frozenset({host}), 1, resolve=names.resolve) as client:
        for scheme in ("https", "http"):
            with pytest.raises(OutgoingRefused):
                await client.get(f"{scheme}://{host}/")
    assert connected == []


async def test_named_loopback_host_that_lies_elsewhere_is_refused(connected: list[tuple[str, int]]):
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["10.0.0.1", PUBLIC]

    async with outgoing_client(frozenset({"localhost"}), 1, resolve=resolve) as client:
        with pytest.raises(OutgoingRefused):
            await client.get("http://localhost/")
    assert connected == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://public.example.org/", (PUBLIC, 443)),
        ("https://public.example.org:8443/", (PUBLIC, 8443)),
        ("https://mixed.example.org/", (PUBLIC_V6, 443)),
        (f"https://{PUBLIC}/", (PUBLIC, 443)),
        (f"https://[{PUBLIC_V6}]/", (PUBLIC_V6, 443)),
    ],
)
async def test_connection_goes_to_the_address_that_was_looked_at(
    url: str, expected: tuple[str, int], names: Names, connected: list[tuple[str, int]]
):
    async with outgoing_client(None, 1, resolve=names.resolve) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)
    assert connected == [expected]
    assert len(names.asked) == 1


async def test_name_that_changes_its_answer_gains_nothing(names: Names, connected: list[tuple[str, int]]):
    async with outgoing_client(None, 1, resolve=names.resolve) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://{REBOUND}/")
        with pytest.raises(OutgoingRefused):
            await client.get(f"https://{REBOUND}/")
    assert connected == [(PUBLIC, 443)]


async def test_name_without_an_address_is_a_connection_error():
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with outgoing_client(None, 1, resolve=resolve) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("https://unknown.example.org/")


async def test_name_that_no_name_server_could_know_is_a_connection_error():
    async with outgoing_client(None, 1) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://{'a' * 64}.example.org/")


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "223.255.255.255", "2a00:1450:4007:80c::200e"])
def test_address_on_the_internet_is_public(address: str):
    assert is_public(address)


async def test_named_loopback_host_is_reached_whatever_the_proxies(
    server: CannedServer, monkeypatch: pytest.MonkeyPatch
):
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    async with outgoing_client(LOOPBACK, 2) as client:
        response = await client.post(server.url, content=b"hello")
    assert (response.status_code, response.content) == (200, b"{}")
    [(head, body)] = server.requests
    assert "accept-encoding: identity" in head.lower()
    assert body == "hello"


async def test_certificate_of_a_stranger_is_refused(self_signed: ssl.SSLContext):
    asked: list[str | None] = []
    self_signed.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with canned_server(self_signed) as server, outgoing_client(frozenset({"localhost"}), 2) as client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(f"https://localhost:{server.port}")
    # By name although the connection went to an address: that is what a certificate is checked against.
    assert asked == ["localhost"]
    assert server.requests == []


async def test_handshake_that_never_comes_ends_in_time(server: CannedServer):
    async with outgoing_client(LOOPBACK, 0.4) as client:
        with pytest.raises(httpx.ConnectTimeout):
            await client.get(f"https://127.0.0.1:{server.port}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_refused_even_when_asked_for(server: CannedServer, status: int):
    server.answer = http_answer(status, b"", f"Location: {server.url}/elsewhere")
    async with outgoing_client(LOOPBACK, 2) as client:
        with pytest.raises(OutgoingRefused):
            await client.get(server.url, follow_redirects=True)
    assert server.connections == 1


async def test_answer_up_to_the_limit_is_taken_and_a_longer_one_refused(server: CannedServer):
    async with outgoing_client(LOOPBACK, 2, response_limit_bytes=1000) as client:
        server.answer = http_answer(200, b"x" * 1000)
        assert len((await client.get(server.url)).content) == 1000
        server.answer = http_answer(200, b"x" * 1001)
        with pytest.raises(OutgoingRefused):
            await client.get(server.url)


async def test_endless_answer_is_cut_off(server: CannedServer):
    server.answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000
    async with outgoing_client(LOOPBACK, 2) as client:
        with pytest.raises(OutgoingRefused):
            await client.get(server.url)


async def test_compressed_answer_is_refused(server: CannedServer):
    server.answer = http_answer(200, b"\x1f\x8b", "Content-Encoding: gzip")
    async with outgoing_client(LOOPBACK, 2) as client:
        with pytest.raises(OutgoingRefused):
            await client.get(server.url)


@pytest.mark.parametrize("answer", [b"x" * 1000, http_answer(200, b"x" * 1000)], ids=["head", "body"])
async def test_dripping_answer_ends_with_the_time_for_the_whole(server: CannedServer, answer: bytes):
    server.answer, server.pause_seconds = answer, 0.001
    async with outgoing_client(LOOPBACK, 0.4) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url)
