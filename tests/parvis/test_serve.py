import contextlib
import signal
import subprocess
import urllib.request

from parvis.embedded.servers import EmbeddedServers
from tests.parvis.stand_ins import OURSELVES
from tests.parvis.up_process import REPOSITORY, clean_environment, unused_port, wait_until


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
        while server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.001)
        assert server.returncode == 0
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/in-flight", timeout=5).close()
    except OSError:
        return False
    return True
