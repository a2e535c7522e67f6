"""Calls to the world outside: only where they may go, never into our own network, never longer than agreed."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import Final, TypeAlias, cast

import httpcore
import httpx

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

CONNECTIONS: Final = 64
ADDRESSES_TRIED: Final = 2
# Two addresses and a TLS handshake fit into the whole time: cutting a handshake off from outside leaks its socket.
CONNECT_SHARE: Final = 0.25
ANY_HOST_PORTS: Final = frozenset({None, 8443})  # None is the scheme's own port

# IANA's special-purpose registries, and the multicast and reserved ranges. Written out because `is_global` answers
# otherwise from one Python to the next and calls multicast global.
_NOT_PUBLIC_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's metadata service has a public address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
# All of IPv6 but global unicast is refused, and with it mapped, NAT64, unique-local, link-local and multicast.
_GLOBAL_UNICAST_V6: Final = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6: Final = tuple(
    ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


class OutgoingRefused(httpx.TransportError):
    """The call was not made, or its answer not taken, by our own rules. Repeating it does not help."""


def outgoing_client(
    allowed_hosts: frozenset[str] | None,
    timeout_seconds: float,
    *,
    response_limit_bytes: int = 1_000_000,
    resolve: Resolver | None = None,
) -> httpx.AsyncClient:
    """A client that cannot be led astray; whoever makes it closes it.

    `allowed_hosts` are the only names it calls, over https. None is for addresses that establishments choose: any
    host then, on ports 443 and 8443. Either way a name is resolved once and the connection goes to an address that
    was found public, so that neither a name nor its next answer can lead into our network. The one exception: a
    loopback host that `allowed_hosts` names itself (`127.0.0.1`, `::1`, `localhost`) is reached, also over http.

    `timeout_seconds` is for a whole exchange with its body, a quarter of it for one connection.
    `response_limit_bytes` is the longest body; compressed bodies are refused, since their length says nothing.
    Proxies and certificates of the environment do not matter.

    Calls raise `OutgoingRefused` for a forbidden target, a redirect or an answer too long, else what httpx raises.
    """
    local_hosts = frozenset(host for host in allowed_hosts or () if _is_local(host))
    return httpx.AsyncClient(
        transport=_GuardedTransport(
            _Targets(allowed_hosts, local_hosts),
            _VettedNetwork(local_hosts, resolve or resolve_host),
            timeout_seconds,
            response_limit_bytes,
        ),
        timeout=httpx.Timeout(timeout_seconds, connect=timeout_seconds * CONNECT_SHARE),
        headers={"accept-encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
    )


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, and to a host on it."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _NOT_PUBLIC_V4)
    return parsed in _GLOBAL_UNICAST_V6 and not any(parsed in network for network in _NOT_PUBLIC_V6)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the machine finds them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_local(host: str) -> bool:
    return host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def _certificates() -> ssl.SSLContext:
    """One for all clients: reading the authorities takes a fortieth of a second."""
    return httpx.create_ssl_context(trust_env=False)


class _Targets:
    """Which URLs may be called, as far as they can be judged by reading them."""

    def __init__(self, allowed_hosts: frozenset[str] | None, local_hosts: frozenset[str]) -> None:
        self._allowed_hosts = allowed_hosts
        self._local_hosts = local_hosts

    def check(self, url: httpx.URL) -> None:
        host = url.raw_host.decode("ascii")
        if url.userinfo:
            raise OutgoingRefused("A URL with a user name is not called.")
        if self._allowed_hosts is None:
            if url.port not in ANY_HOST_PORTS:
                raise OutgoingRefused(f"Port {url.port} is not called.")
        elif host not in self._allowed_hosts:
            raise OutgoingRefused(f"The host {host} is not among those that may be called.")
        if url.scheme != "https" and host not in self._local_hosts:
            raise OutgoingRefused("Only https is called.")


class _VettedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that were looked at, not to names that may change their answer."""

    def __init__(self, local_hosts: frozenset[str], resolve: Resolver) -> None:
        self._local_hosts = local_hosts
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = OutgoingRefused(f"The host {host} has no address that may be called.")
        for address in await self._vetted(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _vetted(self, host: str, port: int) -> list[str]:
        may_be_called = _is_loopback if host in self._local_hosts else is_public
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:  # UnicodeError: what no name server would ever be asked for
            raise httpcore.ConnectError(f"The host {host} has no address.") from error
        return [address for address in addresses if may_be_called(address)][:ADDRESSES_TRIED]


class _GuardedTransport(httpx.AsyncHTTPTransport):
    def __init__(
        self, targets: _Targets, network: _VettedNetwork, timeout_seconds: float, response_limit_bytes: int
    ) -> None:
        context = _certificates()
        super().__init__(verify=context, trust_env=False)
        # httpx has no argument for the network below its pool, so the pool is made here.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context, max_connections=CONNECTIONS, keepalive_expiry=5, network_backend=network
        )
        self._targets = targets
        self._timeout_seconds = timeout_seconds
        self._response_limit_bytes = response_limit_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._targets.check(request.url)
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                response = await super().handle_async_request(request)
        except TimeoutError as error:
            raise httpx.ReadTimeout("The answer did not begin in time.") from error
        refusal = _refusal(response)
        if refusal:
            await response.aclose()
            raise OutgoingRefused(refusal)
        body = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _BoundedBody(body, deadline, self._response_limit_bytes)
        return response


def _refusal(response: httpx.Response) -> str:
    if response.has_redirect_location:
        return "A redirect is not followed."
    if response.headers.get("content-encoding", "identity") != "identity":
        return "A compressed answer was not asked for."
    return ""


class _BoundedBody(httpx.AsyncByteStream):
    """httpx's own timeouts are per read: a peer that drips its answer would never meet them."""

    def __init__(self, body: httpx.AsyncByteStream, deadline: float, limit_bytes: int) -> None:
        self._body = body
        self._deadline = deadline
        self._limit_bytes = limit_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received_bytes = 0
        parts = aiter(self._body)
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise httpx.ReadTimeout("The answer did not end in time.") from error
            received_bytes += len(part)
            if received_bytes > self._limit_bytes:
                raise OutgoingRefused(f"The answer is longer than {self._limit_bytes} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()
