import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from parvis.embedded.data_folder import DataFolder
from parvis.embedded.servers import embedded_servers
from parvis.supervisor.process import launch_command
from tests.parvis.up_process import run_up, running_up, start_up, survivors, unused_port, wait_until

# It takes 0.8 s with the stand-ins; five seconds are promised.
WARM_START_SECONDS = 5.0


def test_up_starts_stops_and_keeps_data(tmp_path: Path):
    with running_up(tmp_path / "data") as up:
        assert up.get("/orders") == 1
        output = up.stop()
    assert "Parvis is ready" in output
    assert f"http://127.0.0.1:{up.port}" in output
    began = time.monotonic()
    with running_up(tmp_path / "data") as up:
        assert time.monotonic() - began < WARM_START_SECONDS
        assert up.get("/orders") == 2


def test_up_demo_points_every_process_at_the_stand_in_for_stripe(tmp_path: Path):
    with running_up(tmp_path, "--demo", environment={"PARVIS_STRIPE_API_KEY": "sk_live_real"}) as up:
        written = json.loads((tmp_path / "demo.json").read_text())
        credentials = DataFolder(tmp_path).credentials()
        assert written["PARVIS_STRIPE_API_KEY"] == credentials.stripe_api_key
        assert written["PARVIS_STRIPE_WEBHOOK_SECRET"] == credentials.stripe_webhook_secret
        assert written["PARVIS_PUBLIC_URL"] == f"http://127.0.0.1:{up.port}"
        stripe = socket.create_connection(("127.0.0.1", int(written["PARVIS_STRIPE_API_URL"].rpartition(":")[2])))
        stripe.close()


def test_up_drains_requests_in_flight(tmp_path: Path):
    with running_up(tmp_path) as up, ThreadPoolExecutor() as threads:
        slow = threads.submit(up.get, "/slow")
        wait_until(lambda: up.get("/in-flight") == 2)
        up.stop()
        assert slow.result() == 0


@pytest.mark.parametrize("program", ["postgres", "valkey-server", "worker", "gateway"])
def test_up_starts_again_what_was_killed(tmp_path: Path, program: str):
    with running_up(tmp_path) as up:
        assert up.get("/orders") == 1
        killed = up.kill(program)
        wait_until(lambda: up.child(program) not in (None, killed) and up.answers())
        assert up.get("/orders") == 2
        assert f"{_name(program)} ended (signal 9)" in up.stop()


def test_up_replaces_a_web_process_that_was_killed(tmp_path: Path):
    with running_up(tmp_path, "--workers", "2") as up:
        gateway = up.child("gateway")
        assert gateway
        killed, other = gateway.children()
        killed.kill()
        wait_until(lambda: killed not in gateway.children() and len(gateway.children()) == 2)
        assert other in gateway.children()
        up.stop()


def test_web_processes_do_not_outlive_their_parent(tmp_path: Path):
    with running_up(tmp_path) as up:
        gateway = up.child("gateway")
        assert gateway
        [web] = gateway.children()
        gateway.kill()
        wait_until(lambda: not web.is_running() or web.status() == psutil.STATUS_ZOMBIE)


def test_up_killed_leaves_nothing_running_and_loses_nothing(tmp_path: Path):
    with running_up(tmp_path, "--demo") as up:
        assert up.get("/orders") == 1
        up.process.kill()
        wait_until(lambda: not survivors(tmp_path), 5)
    with running_up(tmp_path, "--demo") as up:
        assert up.get("/orders") == 2


def test_up_right_after_a_kill_waits_for_what_is_still_stopping(tmp_path: Path):
    with running_up(tmp_path) as up:
        assert up.get("/orders") == 1
        up.process.kill()
        up.process.wait()
        with running_up(tmp_path) as again:
            assert again.get("/orders") == 2
            again.stop()


def test_up_stopped_while_it_starts_leaves_nothing_running(tmp_path: Path):
    up = start_up(tmp_path)
    wait_until((tmp_path / "postgres" / "postmaster.pid").exists)
    assert "Parvis is ready" not in up.stop()


def test_second_up_on_a_folder_names_the_first(tmp_path: Path):
    with running_up(tmp_path) as up:
        second = run_up(tmp_path, "--port", str(unused_port()))
        assert second.returncode == 1
        assert _sentence(second.stderr) == (
            f"Parvis already runs in {tmp_path} (process {up.process.pid}): "
            "stop it, or choose another folder with --data."
        )
        assert up.answers()


def test_up_on_a_taken_port_starts_nothing(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_up(tmp_path, "--port", str(port))
    assert refused.returncode == 1
    assert _sentence(refused.stderr) == f"Port {port} of 127.0.0.1 is taken by another program: choose one with --port."
    assert not (tmp_path / "postgres").exists()


def test_up_on_an_address_of_another_machine_starts_nothing(tmp_path: Path):
    refused = run_up(tmp_path, "--host", "192.0.2.1", "--port", "8000")
    assert refused.returncode == 1
    assert _sentence(refused.stderr) == "Parvis cannot listen on 192.0.2.1:8000: Cannot assign requested address."


def test_up_in_an_unwritable_folder_says_so(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    refused = run_up(file / "data")
    assert refused.returncode == 1
    assert _sentence(refused.stderr) == f"{file / 'data'} cannot be used as data folder: Not a directory."


@pytest.mark.parametrize(
    ("variable", "url", "beginning"),
    [
        ("PARVIS_DATABASE_URL", "postgresql://u:hush@127.0.0.1:{port}/d", "names no PostgreSQL that answers at "),
        ("PARVIS_VALKEY_URL", "redis://:hush@127.0.0.1:{port}/0", "names no Valkey that answers at "),
        ("PARVIS_TICKETING_DATABASE_URL", "postgresql://u:hush@127.0.0.1:{port}/d", "is set but PARVIS_DATABASE_URL"),
    ],
)
def test_up_with_an_address_that_does_not_answer_starts_nothing(
    tmp_path: Path, variable: str, url: str, beginning: str
):
    refused = run_up(tmp_path, "--port", str(unused_port()), environment={variable: url.format(port=unused_port())})
    assert refused.returncode == 1
    assert _sentence(refused.stderr).startswith(f"{variable} {beginning}")
    assert "hush" not in refused.stdout + refused.stderr
    assert not (tmp_path / "postgres").exists()


async def test_up_uses_the_servers_that_the_environment_names(tmp_path: Path):
    async with embedded_servers(tmp_path / "outside", durable=False) as servers:
        given = {"PARVIS_DATABASE_URL": servers.admin_url, "PARVIS_VALKEY_URL": servers.valkey_url}
        with running_up(tmp_path / "data", environment=given) as up:
            assert up.get("/orders") == 1
            up.stop()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["credentials.json", "lock", "secret"]


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
@pytest.mark.parametrize("user", [65534, 54321], ids=["ordinary", "without a name"])
def test_up_as_another_user(tmp_path: Path, user: int):
    """In a user namespace, since the interpreter may stand in a folder that only its owner can enter."""
    as_user = launch_command((sys.executable, "-c", _RUN_THE_REST), identity=f"namespace:{user}")
    with running_up(tmp_path, before=as_user) as up:
        assert up.get("/orders") == 1
        assert psutil.Process(up.process.pid).uids().effective == tmp_path.stat().st_uid
        up.stop()


_RUN_THE_REST = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"


def _sentence(errors: str) -> str:
    return errors.strip().removeprefix("Parvis cannot go on. ")


def _name(program: str) -> str:
    return {"postgres": "postgresql", "valkey-server": "valkey"}.get(program, program)
