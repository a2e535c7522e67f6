"""Whose request it is, as far as addresses can tell."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

UNKNOWN = "unknown"


class ClientAddresses:
    """Believes `X-Forwarded-For` only as far as trusted proxies wrote it."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        """Raises `ValueError` for what is neither an address nor a network."""
        self._trusted = [ip_network(proxy, strict=False) for proxy in trusted_proxies]

    def of(self, peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The nearest address that is no trusted proxy; the peer's own when it is none."""
        address = peer[0] if peer else UNKNOWN
        if not self._trusted or not _is_in(address, tuple(self._trusted)):
            return address
        forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        for hop in reversed(forwarded.split(",")):
            candidate = _plain(hop.strip())
            if candidate is None:
                return address
            address = candidate
            if not _is_in(address, tuple(self._trusted)):
                return address
        return address


def is_local(peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """From this machine itself, and not through a proxy that happens to run on it."""
    forwarded = any(name in {b"x-forwarded-for", b"forwarded", b"via"} for name, _ in headers)
    return peer is not None and not forwarded and _is_loopback(peer[0])


@lru_cache(maxsize=4096)
def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def household(address: str) -> str:
    """What one subscriber gets: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return UNKNOWN
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, 64), strict=False).network_address)


@lru_cache(maxsize=4096)
def _is_in(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _plain(hop: str) -> str | None:
    """The address of a hop like `192.0.2.1`, `192.0.2.1:4711` or `[2001:db8::1]:4711`."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ip_address(hop))
    except ValueError:
        return None
