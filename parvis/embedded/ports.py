import errno
import random
import socket
import zlib
from collections.abc import Awaitable, Callable

from parvis.errors import CannotProceed

LOOPBACK = "127.0.0.1"
# Below the range from which systems take ports for outgoing connections: a server that restarts finds its own free.
FIRST_PORT, LAST_PORT = 20000, 32000
ATTEMPTS = 100
START_ATTEMPTS = 3


def free_port() -> int:
    """A loopback port on which nobody listens now."""
    for _ in range(ATTEMPTS):
        port = random.randint(FIRST_PORT, LAST_PORT)  # noqa: S311 - no secret
        if is_free(LOOPBACK, port):
            return port
    raise RuntimeError(f"no free port between {FIRST_PORT} and {LAST_PORT}")


def steady_port(seed: str) -> int:
    """The same port for the same seed as long as it is free: addresses given out before a restart stay good."""
    port = FIRST_PORT + zlib.crc32(seed.encode()) % (LAST_PORT - FIRST_PORT)
    return port if is_free(LOOPBACK, port) else free_port()


async def start_on_port(kept: int, start: Callable[[int], Awaitable[None]]) -> None:
    """Start on the port that was kept from an earlier run, or else (0) on a free one.

    Another program may take that port between our look and the server's; then it is tried elsewhere.
    """
    for _ in range(START_ATTEMPTS):
        port = kept or free_port()
        try:
            await start(port)
        except CannotProceed:
            if kept or is_free(LOOPBACK, port):
                raise
        else:
            return
    raise CannotProceed("Every port that was tried for a server of ours was taken by another program.")


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there. OSError if we may not either, or if the host is no address of this machine."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        # As servers do: connections of an earlier run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
