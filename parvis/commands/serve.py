import _thread
import gc
import importlib
import signal
from collections.abc import Callable
from typing import Any, cast

from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from granian.server.mp import MPServer

from parvis.supervisor.launch import die_with_parent

Application = Callable[..., Any]  # ASGI: its messages are untyped
Factory = Callable[[], Application]
BACKLOG = 2048
# Granian counts open connections, idle ones too. Overload is answered inside the application, with a Retry-After.
CONNECTIONS_PER_WORKER = 8192
RESPAWN_PAUSE_SECONDS = 0.1
# Requests leave few cycles behind; at the usual threshold of 700 the search for them costs a sixth of an order.
OBJECTS_BETWEEN_COLLECTIONS = 50_000


def serve(target: str, *, host: str, port: int, workers: int, drain_seconds: int) -> None:
    """Serve the application that the factory `target` (`module:function`) makes, until SIGTERM or SIGINT.

    A worker that dies is replaced. Requests in flight have `drain_seconds` to finish.
    """
    _find(target)
    Server(
        target,
        address=host,
        port=port,
        workers=workers,
        interface=Interfaces.ASGI,
        # Browsers speak HTTP/2 over TLS only, so to the proxy in front; to find out each time costs ten microseconds.
        http=HTTPModes.http1,
        loop=Loops.uvloop,
        backlog=BACKLOG,
        backpressure=CONNECTIONS_PER_WORKER,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        respawn_interval=RESPAWN_PAUSE_SECONDS,
        workers_kill_timeout=drain_seconds,
    ).serve(target_loader=_make)


class Server(MPServer):
    """Granian, deaf to goodbyes after the first.

    Its handler takes a lock, for which a second signal in the middle of the first waits for ever. And they do come in
    rows: when a process with several threads is killed, the kernel tells its children once for each thread.
    """

    def signal_handler_interrupt(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        self.interrupt_signal = True
        # In a thread, because this one may have been interrupted while it held that lock.
        _thread.start_new_thread(self.main_loop_interrupt.set, ())


def _make(target: str) -> Application:
    """In the worker. Each has a listening socket of its own, and would go on answering if its parent were killed."""
    die_with_parent(signal.SIGKILL)
    application = _find(target)()
    # What is there now stays: no later collection needs to look at it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    return application


def _find(target: str) -> Factory:
    """Called before the workers are forked too, so that they share the memory of what is imported."""
    module, _, name = target.partition(":")
    return cast("Factory", getattr(importlib.import_module(module), name))
