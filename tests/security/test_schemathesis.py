"""Schemathesis, an API fuzzer, reads the published document and holds the API to it: every answer must be a
documented one, good requests must succeed or be refused for a reason, bad ones must be refused, nothing may break.

Who may do what is test_access_matrix's; here a wrong key would soon meet the limit of wrong keys.
By hand, for longer and with all phases: PARVIS_FUZZ_SECONDS=600 pytest tests/security/test_schemathesis.py -s
"""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from litestar.types import ASGIApp

from tests.conftest import Instance
from tests.security.world import World, open_world

SECONDS = int(os.environ.get("PARVIS_FUZZ_SECONDS", "0"))
EXAMPLES = 3
CONFIG = """
[parameters]
"path.establishment" = "ours"
{ids}
[checks]
# A 404 is as good a refusal of a malformed id as any.
negative_data_rejection.expected-statuses = ["4xx"]
# Rules between fields, which no schema can say, refuse some requests that fit it.
positive_data_acceptance.expected-statuses = ["2xx", "304", "4xx"]
[[operations]]
include-path-regex = "/scans/batch$"
# An item that means nothing is told of by itself, in a 200.
checks.negative_data_rejection.expected-statuses = ["200", "4xx"]
"""


@pytest.mark.parametrize("who", ["admin", "visitor"])
async def test_the_api_keeps_to_its_document(instance: Instance, tmp_path: Path, who: str) -> None:
    async with open_world(instance) as world, _listening(world.app) as url:
        code, report = await _fuzz(world, url, tmp_path, who)
    assert code == 0, report
    # It came further than to the limit of wrong keys.
    assert "429 Too Many Requests" not in report, report
    if SECONDS:
        sys.stdout.write(report)


async def _fuzz(world: World, url: str, folder: Path, who: str) -> tuple[int, str]:
    # Staff work on what is there, so that the fuzzer comes further than to a 404; visitors guess.
    known = {name: value for name, value in world.ours.ids.items() if who == "admin"}
    # Else it would soon revoke the key that it comes with.
    known["key_id"] = (await world.make(world.ours, "/api-keys", {"name": "Spare", "scopes": ["admin"]}))["id"]
    ids = "\n".join(f'"path.{name}" = "{value}"' for name, value in known.items())
    (folder / "schemathesis.toml").write_text(CONFIG.format(ids=ids))
    command = [shutil.which("schemathesis", path=str(Path(sys.executable).parent)) or "schemathesis"]
    command += ["--config-file", str(folder / "schemathesis.toml"), "run", f"{url}/openapi.json", "--url", url]
    command += [
        "--seed",
        "1",
        "--checks",
        "all",
        "--exclude-checks",
        "ignored_auth",
        "--continue-on-failure",
        "--no-color",
        "--request-timeout",
        "10",
        # It has no end.
        "--exclude-path-regex",
        "/attendance/stream$",
    ]
    if SECONDS:
        command += ["--max-time", str(SECONDS)]
    else:
        command += ["--max-examples", str(EXAMPLES), "--phases", "examples,fuzzing"]
    if who == "admin":
        command += ["--header", f"Authorization: Bearer {world.ours.admin_key}"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@asynccontextmanager
async def _listening(app: ASGIApp) -> AsyncIterator[str]:
    """The application, which runs already, on a socket as well."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        running = asyncio.create_task(server._serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running
