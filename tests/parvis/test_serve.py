import signal
import subprocess
import time
import urllib.request

from parvis.embedded.servers import EmbeddedServers
from tests.parvis.stand_ins import OURSELVES
from tests.parvis.up_process import REPOSITORY, clean_environment, unused_port, wait_until

# As quick as the kernel's own, and not so quick that they melt into one.
SIGNALS, PAUSE_SECONDS = 60, 0.0001


def test_server_asked_many_times_to_stop_stops_once(servers: EmbeddedServers):
    port = unused_port()
    options = {"--host": "127.0.0.1", "--port": str(port), "--workers": "1", "--drain-seconds": "2"}
    server = subprocess.Popen(  # noqa: S603 - our own command
        [*OURSELVES, "gateway", *(word for option in options.items() for word in option)],
        env={**clean_environment(), "PARVIS_DATABASE_URL": servers.admin_url},
        cwd=REPOSITORY,
    )
    try:
        wait_until(lambda: _answers(port))
        for _ in range(SIGNALS):
            server.send_signal(signal.SIGTERM)
            server.send_signal(signal.SIGINT)
            time.sleep(PAUSE_SECONDS)
        assert server.wait(10) == 0
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/in-flight", timeout=5).close()
    except OSError:
        return False
    return True
