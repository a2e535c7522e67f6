"""Logs as one JSON object a line, and the metrics of this process. Neither carries personal data or secrets."""

import logging
import sys

import structlog
from prometheus_client import Counter, Histogram

BATCH_SIZE = Histogram(
    "parvis_batch_size",
    "Requests that left together in one transaction",
    ["batch"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200),
)
BATCH_SECONDS_IN_QUEUE = Histogram(
    "parvis_batch_queue_seconds",
    "Time a request waited for the batch before it",
    ["batch"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
UNAVAILABLE = Counter("parvis_unavailable_total", "Requests answered 503", ["service"])
TRANSACTION_RETRIES = Counter("parvis_transaction_retries_total", "Transactions run again", ["sqlstate"])


def configure_logging(level: str = "INFO") -> None:
    """Once per process, before anything logs."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
