import asyncio
import os
import signal
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import from_url
from redis.exceptions import AuthenticationError

from parvis.embedded.data_folder import DataFolder
from parvis.embedded.servers import EmbeddedServers, embedded_servers
from parvis.errors import CannotProceed
from parvis.supervisor import leftovers

# It takes 0.1 to 0.3 s; the rest is for a machine whose disk others keep busy.
RESTART_SECONDS = 10.0


async def test_postgres_is_durable_checked_and_sorts_without_icu(tmp_path: Path):
    async with embedded_servers(tmp_path) as servers:
        settings = await _row(
            servers.admin_url,
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('data_checksums'),"
            " current_setting('listen_addresses'), current_setting('password_encryption'), upper('é'),"
            " to_tsvector('simple', 'Musée Éluard')::text, datlocprovider::text"
            " FROM pg_database WHERE datname = current_database()",
        )
    assert tuple(settings) == ("on", "on", "on", "127.0.0.1", "scram-sha-256", "É", "'musée':1 'éluard':2", "b")


async def test_servers_want_their_passwords(servers: EmbeddedServers):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(servers.admin_url, password="wrong")
    async with from_url(f"redis://127.0.0.1:{servers.valkey.port}") as client:
        with pytest.raises(AuthenticationError):
            await client.ping()


async def test_passwords_stand_on_no_command_line(servers: EmbeddedServers):
    passwords = [url.split(":")[2].partition("@")[0] for url in (servers.admin_url, servers.valkey_url)]
    lines = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]
    assert len(lines) > 2
    assert [line for line in lines if any(password in line for password in passwords)] == []


async def test_data_survives_a_restart_and_the_port_may_change(tmp_path: Path):
    async with embedded_servers(tmp_path) as servers:
        await _execute(servers.admin_url, "CREATE TABLE kept AS SELECT 7 AS value")
    assert leftovers.working_in(tmp_path / "postgres") == set()
    began = time.monotonic()
    async with embedded_servers(tmp_path) as servers:
        assert time.monotonic() - began < RESTART_SECONDS
        assert tuple(await _row(servers.admin_url, "SELECT value FROM kept")) == (7,)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGQUIT])
async def test_postgres_starts_again_on_its_port_after_its_death(tmp_path: Path, number: signal.Signals):
    async with embedded_servers(tmp_path) as servers:
        port = servers.postgres.port
        await _execute(servers.admin_url, "CREATE TABLE kept AS SELECT 7 AS value")
        os.kill(int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0]), number)
        await servers.postgres.wait()
        began = time.monotonic()
        await servers.postgres.start()
        assert time.monotonic() - began < RESTART_SECONDS
        assert servers.postgres.port == port
        assert tuple(await _row(servers.admin_url, "SELECT value FROM kept")) == (7,)


async def test_postgres_waits_for_no_busy_process_of_a_killed_server(tmp_path: Path):
    async with embedded_servers(tmp_path) as servers:
        busy = await asyncpg.connect(servers.admin_url)
        endless = asyncio.ensure_future(busy.execute("SELECT count(*) FROM generate_series(1, 10000000000)"))
        await asyncio.sleep(0.1)
        os.kill(int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        await servers.postgres.wait()
        began = time.monotonic()
        await servers.postgres.start()
        assert time.monotonic() - began < RESTART_SECONDS
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await endless


async def test_valkey_starts_again_on_its_port_after_its_death(tmp_path: Path):
    async with embedded_servers(tmp_path, durable=False) as servers:
        port = servers.valkey.port
        [valkey] = [child for child in psutil.Process().children() if f":{port}" in " ".join(child.cmdline())]
        valkey.kill()
        await servers.valkey.wait()
        await servers.valkey.start()
        assert servers.valkey.port == port
        async with from_url(servers.valkey_url) as client:
            assert await client.ping()


async def test_pid_file_with_the_number_of_a_stranger_is_no_obstacle(tmp_path: Path):
    async with embedded_servers(tmp_path):
        content = (tmp_path / "postgres" / "postmaster.pid").read_text().splitlines()
    (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join([str(os.getppid()), *content[1:]]))
    async with embedded_servers(tmp_path) as servers:
        assert tuple(await _row(servers.admin_url, "SELECT 1")) == (1,)


async def test_cluster_that_was_interrupted_half_way_is_made_again(tmp_path: Path):
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    async with embedded_servers(tmp_path) as servers:
        assert tuple(await _row(servers.admin_url, "SELECT current_database()")) == ("parvis",)
    assert not (tmp_path / "postgres.new").exists()


async def test_data_of_another_major_version_is_refused(tmp_path: Path):
    async with embedded_servers(tmp_path):
        pass
    (tmp_path / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(CannotProceed, match="was made by PostgreSQL 15 and this Parvis brings 18"):
        async with embedded_servers(tmp_path):
            pass


async def test_servers_work_in_a_folder_with_spaces_and_accents(tmp_path: Path):
    async with embedded_servers(tmp_path / 'le "musée" d\'été', durable=False) as servers:
        assert tuple(await _row(servers.admin_url, "SELECT 1")) == (1,)


async def test_start_that_fails_says_why(tmp_path: Path):
    async with embedded_servers(tmp_path):
        pass
    (tmp_path / "postgres" / "pg_hba.conf").write_text("nonsense\n")
    with pytest.raises(CannotProceed, match=r"postgresql stopped at once: .*FATAL:  could not load .*pg_hba.conf"):
        async with embedded_servers(tmp_path):
            pass
    assert leftovers.working_in(DataFolder(tmp_path).postgres) == set()


async def _row(url: str, query: str) -> asyncpg.Record:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(query)
        assert row
        return row
    finally:
        await connection.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
