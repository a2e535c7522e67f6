"""Logs as one JSON object a line, and the metrics of this process. Neither carries personal data or secrets."""

import io
import logging
import re
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from prometheus_client import Counter, Histogram
from structlog.typing import EventDict

BATCH_SIZE = Histogram(
    "parvis_batch_size",
    "Requests that left together in one transaction",
    ["batch"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200),
)
BATCH_SECONDS_IN_QUEUE = Histogram(
    "parvis_batch_queue_seconds",
    "Time that the first request of a batch waited for the batch before it",
    ["batch"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
UNAVAILABLE = Counter("parvis_unavailable_total", "Requests answered 503", ["service"])
TRANSACTION_RETRIES = Counter("parvis_transaction_retries_total", "Transactions run again", ["sqlstate"])


# What PostgreSQL adds to an error about a row is the row: names, addresses and all.
ROW = re.compile(r"(?<=DETAIL:)(?:[^\n\\]|\\(?!n))*")


def _without_rows(_: object, __: str, event: EventDict) -> EventDict:
    return {name: ROW.sub(" left out", value) if isinstance(value, str) else value for name, value in event.items()}


class _Log(io.TextIOBase):
    """Standard error; a line that cannot be written (nobody reads any more, the disk is full) fails no request."""

    def write(self, text: str, /) -> int:
        with suppress(OSError, ValueError):
            return sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def configure_logging(level: str = "INFO") -> None:
    """Once per process, before anything logs."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_rows,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", _Log())),
        cache_logger_on_first_use=True,
    )
