import subprocess
import sys

from tests.parvis.up_process import REPOSITORY

LOGS_TO_NOBODY = """
import sys
import structlog
from services.kit.telemetry import configure_logging
configure_logging()
sys.stdin.readline()
structlog.get_logger().warning("unavailable")
print("went on")
"""


def test_log_that_nobody_reads_any_more_fails_nobody():
    """As when the supervisor was killed: its children, who drain their requests, log into a broken pipe."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", LOGS_TO_NOBODY],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stderr.close()
        process.stdin.write("\n")
        process.stdin.close()
        assert process.stdout.read() == "went on\n"
