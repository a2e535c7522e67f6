import asyncpg
from redis.asyncio import from_url

from parvis import environment
from parvis.doctor.check import Check, fail, guarded, ok, warn
from parvis.errors import CannotProceed
from parvis.migrate import is_current
from parvis.reachable import ANSWER_SECONDS, check_postgres, check_valkey
from parvis.settings import Settings

POSTGRES_VERSIONS = range(15, 19)
OLDEST_VALKEY, OLDEST_REDIS = 8, 7
POWERS_OF_ROLE = """
SELECT rolsuper OR rolbypassrls AS bypasses, rolname,
       (SELECT count(*) FROM pg_class WHERE relowner = pg_roles.oid) AS owned
FROM pg_roles WHERE rolname = current_user
"""


async def examine(settings: Settings) -> list[Check]:
    inventory, ticketing = settings.inventory_database_url, settings.ticketing_database_url
    return [
        await guarded("PostgreSQL", _postgres(settings.database_url)),
        await guarded("Role of inventory", _role("Role of inventory", environment.INVENTORY_DATABASE, inventory)),
        await guarded("Role of ticketing", _role("Role of ticketing", environment.TICKETING_DATABASE, ticketing)),
        await guarded("Tables", _tables(settings)),
        await guarded("Valkey", _valkey(settings.valkey_url)),
        _secret(settings),
    ]


async def _postgres(url: str) -> Check:
    subject = "PostgreSQL"
    await check_postgres(environment.OWNER_DATABASE, url)
    connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS)
    try:
        major = connection.get_server_version().major
        durable = await connection.fetchval("SELECT current_setting('fsync') = 'on'")
    finally:
        await connection.close()
    if major not in POSTGRES_VERSIONS:
        return fail(subject, f"version {major}", "use PostgreSQL 15 to 18")
    if not durable:
        return fail(subject, "fsync is off: a power cut can lose orders", "switch fsync on")
    return ok(subject, f"version {major}")


async def _role(subject: str, variable: str, url: str) -> Check:
    await check_postgres(variable, url)
    connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS)
    try:
        role = await connection.fetchrow(POWERS_OF_ROLE)
    finally:
        await connection.close()
    if role is None or role["bypasses"]:
        return fail(
            subject, "sees past row-level security", f"name a role without SUPERUSER and BYPASSRLS in {variable}"
        )
    if role["owned"]:
        return fail(subject, f"{role['rolname']} owns {role['owned']} tables", "give them to the owner that migrates")
    return ok(subject, f"{role['rolname']}, bound by row-level security")


async def _tables(settings: Settings) -> Check:
    if await is_current(settings):
        return ok("Tables", "up to date")
    return fail("Tables", "older than this Parvis", "run `parvis migrate`")


async def _valkey(url: str) -> Check:
    subject = "Valkey"
    if not url:
        return warn(subject, "none", f"set {environment.VALKEY}: without it, limits hold for each process by itself")
    await check_valkey(environment.VALKEY, url)
    async with from_url(url, socket_timeout=ANSWER_SECONDS) as client:
        info = await client.info("server")
    # Valkey calls itself Redis 7.2.4 to old clients; its own version stands beside that.
    name, oldest = ("valkey", OLDEST_VALKEY) if "valkey_version" in info else ("redis", OLDEST_REDIS)
    found = str(info[f"{name}_version"])
    if int(found.partition(".")[0]) < oldest:
        return fail(subject, f"{name} {found}", "use Valkey 8 or newer, or Redis 7 or newer")
    return ok(subject, f"{name} {found}")


def _secret(settings: Settings) -> Check:
    try:
        return ok("Secret", f"{len(settings.secret_bytes())} bytes")
    except CannotProceed as problem:
        return fail("Secret", "absent, too short or no base64", str(problem))
