import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from parvis.cli import app
from parvis.embedded.servers import embedded_servers
from parvis.instance import reached
from parvis.migrate import migrate
from parvis.settings import from_environment
from tests.conftest import Instance
from tests.parvis.up_process import REPOSITORY, clean_environment, running_up

PURE_ENVIRONMENT = {"NO_COLOR": "1", "COLUMNS": "200"}


def test_help_names_every_command():
    done = _parvis("--help")
    assert done.returncode == 0
    for command in ("up", "serve", "worker", "migrate", "establishment", "verify", "doctor", "version"):
        assert re.search(rf"│ {command} ", done.stdout), command


def test_every_option_and_command_is_explained():
    unexplained = []
    commands = [("parvis", get_command(app))]
    while commands:
        name, command = commands.pop()
        commands += [(f"{name} {word}", child) for word, child in getattr(command, "commands", {}).items()]
        unexplained += [f"{name} {option.name}" for option in command.params if not getattr(option, "help", None)]
        unexplained += [] if command.help else [name]
    assert unexplained == []


def test_help_loads_no_server_library():
    code = (
        "import sys, parvis.cli; print([m for m in ('litestar', 'sqlalchemy', 'granian', 'typst') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"


def test_version_is_that_of_the_package():
    assert _parvis("version").stdout.startswith(f"parvis {version('parvis')}, Python 3.")


def test_wrong_option_is_explained_with_exit_code_2():
    done = _parvis("up", "--port", "70000")
    assert done.returncode == 2
    assert "Invalid value for '--port'" in done.stderr


@pytest.mark.parametrize("command", ["migrate", "verify"])
def test_command_without_an_instance_says_how_to_make_one(tmp_path: Path, command: str):
    done = _parvis(command, "--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"Parvis cannot go on. There is no instance in {tmp_path}: `parvis up` makes one.\n"


async def test_instance_is_reached_running_or_not(tmp_path: Path):
    with running_up(tmp_path) as up:
        async with reached(tmp_path) as running:
            assert running["PARVIS_PUBLIC_URL"] == f"http://127.0.0.1:{up.port}"
        up.stop()
    async with reached(tmp_path) as stopped:
        assert _without_ports(stopped) == _without_ports(running)
        await migrate(from_environment(stopped))


def test_doctor_before_the_first_start_has_nothing_to_mend(tmp_path: Path):
    done = _parvis("doctor", "--data", str(tmp_path / "data"))
    assert done.returncode == 0, done.stdout
    assert "`parvis up` makes one" in done.stdout
    assert not (tmp_path / "data").exists()


async def test_doctor_is_content_with_a_whole_instance(tmp_path: Path):
    async with embedded_servers(tmp_path / "data"):
        pass
    async with reached(tmp_path / "data") as variables:
        await migrate(from_environment(variables))
    done = _parvis("doctor", "--data", str(tmp_path / "data"))
    assert done.returncode == 0, done.stdout
    subjects = re.findall(r"│ (ok|warn|fail) +│ ([\w ]+?) +│", done.stdout)
    assert [subject for subject in subjects if subject[1] != "Web address"] == [
        ("ok", "Python"),
        ("ok", "Server programs"),
        ("ok", "Data folder"),
        ("ok", "PostgreSQL"),
        ("ok", "Role of inventory"),
        ("ok", "Role of ticketing"),
        ("ok", "Tables"),
        ("ok", "Valkey"),
        ("ok", "Secret"),
    ]


async def test_doctor_finds_what_is_wrong(instance: Instance):
    wrong = {
        "PARVIS_INVENTORY_DATABASE_URL": instance.owner_url,
        "PARVIS_TICKETING_DATABASE_URL": instance.ticketing_url.replace("parvis_ticketing:", "parvis_ticketing:x"),
        "PARVIS_VALKEY_URL": "redis://127.0.0.1:1/0",
        "PARVIS_SECRET": "c2hvcnQ=",
    }
    done = _parvis("doctor", environment={**_variables(instance), **wrong})
    assert done.returncode == 1
    failed = re.findall(r"│ fail +│ ([\w ]+?) +│", done.stdout)
    # The first because the servers of the tests are not durable.
    assert failed == ["PostgreSQL", "Role of inventory", "Role of ticketing", "Tables", "Valkey", "Secret"]


async def test_doctor_looks_into_a_folder_that_does_not_run(tmp_path: Path):
    async with embedded_servers(tmp_path / "data"):
        pass
    done = _parvis("doctor", "--data", str(tmp_path / "data"))
    assert done.returncode == 1
    assert "not running" in done.stdout
    assert "run `parvis migrate`" in done.stdout


def _variables(instance: Instance) -> dict[str, str]:
    settings = instance.settings()
    names = ("database_url", "inventory_database_url", "ticketing_database_url", "valkey_url", "secret")
    return {f"PARVIS_{name.upper()}": getattr(settings, name) for name in names}


def _without_ports(variables: dict[str, str]) -> dict[str, str]:
    ours = {
        name: value for name, value in variables.items() if name.startswith("PARVIS_") and name != "PARVIS_PUBLIC_URL"
    }
    return {name: re.sub(r":\d+/", "/", value) for name, value in ours.items()}


def _parvis(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "parvis", *arguments],
        env={**clean_environment(), **PURE_ENVIRONMENT, **(environment or {})},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
