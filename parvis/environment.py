"""The environment that `up` hands to its processes: the same variables that an operator sets for a cluster."""

import os
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from parvis.embedded.cluster import SUPERUSER
from parvis.embedded.data_folder import DataFolder, Running
from parvis.embedded.postgres import postgres_url
from parvis.embedded.valkey import valkey_url
from parvis.errors import CannotProceed
from parvis.supervisor import leftovers

OWNER_DATABASE = "PARVIS_DATABASE_URL"
INVENTORY_DATABASE = "PARVIS_INVENTORY_DATABASE_URL"
TICKETING_DATABASE = "PARVIS_TICKETING_DATABASE_URL"
VALKEY = "PARVIS_VALKEY_URL"
SECRET = "PARVIS_SECRET"  # noqa: S105 - the name of a variable
PUBLIC_URL = "PARVIS_PUBLIC_URL"
TEST_MODE = "PARVIS_TEST_MODE"
STRIPE_API_KEY = "PARVIS_STRIPE_API_KEY"
STRIPE_API_URL = "PARVIS_STRIPE_API_URL"
STRIPE_WEBHOOK_SECRET = "PARVIS_STRIPE_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
DATA = "PARVIS_DATA"

INVENTORY_ROLE = "parvis_inventory"
TICKETING_ROLE = "parvis_ticketing"


def given() -> dict[str, str]:
    """The environment of this process. An empty variable of ours counts as absent, as it does in `parvis.settings`."""
    return {name: value for name, value in os.environ.items() if value or not name.startswith("PARVIS_")}


def complete(outside: Mapping[str, str], folder: DataFolder, running: Running) -> dict[str, str]:
    """What was given, with the servers that run in the folder, and with its secrets where none were given."""
    credentials = folder.credentials()
    environment = {SECRET: folder.secret(), **outside, DATA: str(folder.path), leftovers.MARK: str(folder.path)}
    if running.postgres_port:
        environment[OWNER_DATABASE] = postgres_url(SUPERUSER, credentials.postgres, running.postgres_port)
        environment.pop(INVENTORY_DATABASE, None)
        environment.pop(TICKETING_DATABASE, None)
    if running.valkey_port:
        environment[VALKEY] = valkey_url(credentials.valkey, running.valkey_port)
    if running.url:
        environment.setdefault(PUBLIC_URL, running.url)
    owner = environment[OWNER_DATABASE]
    environment.setdefault(INVENTORY_DATABASE, with_role(owner, INVENTORY_ROLE, credentials.parvis_inventory))
    environment.setdefault(TICKETING_DATABASE, with_role(owner, TICKETING_ROLE, credentials.parvis_ticketing))
    return environment


def with_role(url: str, role: str, password: str) -> str:
    """The same database, entered as somebody else."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password, safe='')}@{address}"))


def check_sufficient(outside: Mapping[str, str]) -> None:
    """`up` migrates, and so needs the owner of a database whose roles it is given."""
    for name in (INVENTORY_DATABASE, TICKETING_DATABASE):
        if name in outside and OWNER_DATABASE not in outside:
            raise CannotProceed(
                f"{name} is set but {OWNER_DATABASE} is not: the migrations need the owner of the tables."
            )
