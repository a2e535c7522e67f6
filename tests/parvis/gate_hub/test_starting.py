"""What the caretaker is told when a hub cannot start, and how it ends."""

import asyncio
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from parvis.errors import CannotProceed
from parvis.gate_hub.certificate import fingerprint, is_good, make_certificate, names_of
from parvis.gate_hub.folder import HubFolder
from parvis.gate_hub.running import HubOptions, run
from tests.journeys.house import LOOPBACK, free_port
from tests.journeys.museum import Museum
from tests.journeys.waiting import eventually
from tests.parvis.gate_hub.house import OURSELVES, Line, RunningHub, make_device
from tests.parvis.gate_hub.small_world import NOON, identity
from tests.parvis.up_process import clean_environment


async def try_to_start(folder: Path, **options: object) -> str:
    """What it says before it gives up."""
    values = {"data": folder, "port": free_port(), "plain": True} | options
    with pytest.raises(CannotProceed) as given:
        await run(HubOptions(**values), Console(quiet=True))
    return str(given.value)


async def test_reasons_not_to_start_are_one_sentence(museum: Museum, line: Line, tmp_path: Path):
    folder = tmp_path / "hub"
    assert "not paired yet" in await try_to_start(folder)
    assert "Say where the instance is" in await try_to_start(folder, pair="ABCD-2345")
    assert "must begin with https://" in await try_to_start(folder, server="http://museum.example", pair="X")
    assert "no address of an instance" in await try_to_start(folder, server="ftp://x", pair="X")
    nobody = f"http://{LOOPBACK}:{free_port()}"
    assert "does not answer" in await try_to_start(folder, server=nobody, pair="ABCD-2345")

    made = await make_device(museum, "Hub", both_gates=True)
    hub = RunningHub(folder, line.url)
    await hub.start("--server", line.url, "--pair", made["pairing_code"])
    again = {"server": line.url, "pair": made["pairing_code"]}
    assert "works once, for ten minutes" in await try_to_start(tmp_path / "other", **again)
    assert "already runs in" in await try_to_start(folder)
    assert await hub.stop() == 0
    assert "Stopped. Everything was sent" in hub.said()
    assert (folder / "hub.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700

    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        assert "choose another port" in await try_to_start(folder, port=taken.getsockname()[1])
    assert "--certificate and --key go together" in await try_to_start(folder, plain=False, key=folder / "key.pem")
    assert f"belongs to {line.url}" in await try_to_start(folder, server="https://other.example")
    (folder / "hub.json").write_text("{")
    assert "is damaged" in await try_to_start(folder)
    await hub.http.aclose()


def test_refusal_is_a_sentence_and_exit_code_1(tmp_path: Path):
    done = subprocess.run(  # noqa: S603 - our own command
        [*OURSELVES, "--data", str(tmp_path)], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Parvis cannot go on. This hub is not paired yet")


async def test_phones_reach_it_over_tls_with_the_certificate_that_it_showed(tmp_path: Path):
    hub = RunningHub(tmp_path / "hub", "")
    folder = HubFolder(hub.folder)
    with folder.locked():
        folder.keep_identity(identity())
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *OURSELVES,
        *("--data", str(hub.folder), "--port", str(port), "--host", LOOPBACK),
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )

    async def is_live() -> bool:
        if not folder.certificate.exists():
            return False
        context = ssl.create_default_context(cafile=folder.certificate)
        async with httpx.AsyncClient(verify=context, trust_env=False) as http:
            try:
                return (await http.get(f"https://{LOOPBACK}:{port}/livez")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

    await eventually(is_live)
    process.terminate()
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert fingerprint(folder.certificate.read_bytes()) in said
    assert "http://127.0.0.1:9/scanner#hub=https://127.0.0.1" in said
    assert folder.key.stat().st_mode & 0o777 == 0o600
    await hub.http.aclose()


def test_certificate_is_made_anew_for_another_address_or_before_it_ends():
    pem, _ = make_certificate(names_of("192.168.1.10"), NOON)
    assert is_good(pem, names_of("192.168.1.10"), NOON)
    assert not is_good(pem, names_of("192.168.1.11"), NOON)
    assert not is_good(pem, names_of("192.168.1.10"), NOON.replace(year=NOON.year + 3))


@pytest.mark.parametrize("words", [("--help",), ("token", "--help")])
def test_help_helps(words: tuple[str, ...]):
    done = subprocess.run(  # noqa: S603 - our own command
        [*OURSELVES, *words], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "--data" in done.stdout
