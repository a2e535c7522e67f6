import asyncio
import contextlib
import os
from collections.abc import Callable

READ_BYTES = 1 << 16
LINE_BYTES_MAX = 1 << 16


class LinePipe:
    """A pipe whose lines reach `receive` as they come.

    asyncio's own pipes tie the end of a child to the end of its output, which a grandchild may keep open for long.
    """

    def __init__(self, receive: Callable[[str], None]) -> None:
        self._receive = receive
        self._pending = b""
        self._loop = asyncio.get_running_loop()
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._loop.add_reader(self._read_end, self._read)

    def close_write_end(self) -> None:
        """To be called once the child has its copy: from then on the end of the child is the end of the pipe."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def close(self) -> None:
        self.close_write_end()
        if self._read_end >= 0:
            self._read()
        self._close_read_end()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._read_end, READ_BYTES):
                self._split(chunk)
            self._close_read_end()

    def _split(self, chunk: bytes) -> None:
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        if len(self._pending) > LINE_BYTES_MAX:
            lines, self._pending = [*lines, self._pending], b""
        for line in lines:
            self._receive(line.decode(errors="replace").rstrip())

    def _close_read_end(self) -> None:
        if self._read_end < 0:
            return
        self._loop.remove_reader(self._read_end)
        os.close(self._read_end)
        self._read_end = -1
        if self._pending:
            self._receive(self._pending.decode(errors="replace").rstrip())
            self._pending = b""
