from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum

import asyncpg
from redis.exceptions import RedisError
from rich.markup import escape
from rich.table import Table

from parvis.errors import CannotProceed


class Outcome(StrEnum):
    ok = "ok"
    warn = "warn"
    fail = "fail"


COLOURS = {Outcome.ok: "green", Outcome.warn: "yellow", Outcome.fail: "red"}


@dataclass(frozen=True, slots=True)
class Check:
    subject: str
    outcome: Outcome
    found: str
    advice: str = ""


def ok(subject: str, found: str) -> Check:
    return Check(subject, Outcome.ok, found)


def warn(subject: str, found: str, advice: str) -> Check:
    return Check(subject, Outcome.warn, found, advice)


def fail(subject: str, found: str, advice: str) -> Check:
    return Check(subject, Outcome.fail, found, advice)


async def guarded(subject: str, check: Awaitable[Check]) -> Check:
    """A question that cannot even be asked is an answer too."""
    try:
        return await check
    except (CannotProceed, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, RedisError) as problem:
        return fail(subject, str(problem) or type(problem).__name__, "see that it runs and that its address is right")


def as_table(checks: list[Check]) -> Table:
    table = Table("", "What", "Found", "What to do", title="Parvis doctor", title_justify="left")
    for check in checks:
        colour = COLOURS[check.outcome]
        table.add_row(f"[{colour}]{check.outcome}[/]", check.subject, escape(check.found), escape(check.advice))
    return table
