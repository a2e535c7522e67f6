"""Which statements of a migration would stop the sales behind them (style.md 18; rule 6 of what Citus taught us)."""

import re
from collections.abc import Iterable, Iterator

TIMEOUTS = ("set lock_timeout", "set statement_timeout")
BODY_OR_TEXT = re.compile(r"\$\$.*?\$\$|'(?:[^']|'')*'|--[^\n]*", re.DOTALL)
CREATED = re.compile(r"create table (?:if not exists )?([\w.]+)")
ALTERED = re.compile(r"alter table (?:if exists )?(?:only )?([\w.]+) (.*)")
INDEXED = re.compile(r"create (?:unique )?index (?!concurrently).* on (?:only )?([\w.]+)")
# What is done to a table that holds rows.
DANGEROUS_CHANGES = {
    "a column of another type": r"alter column \S+ (?:set data )?type\b",
    "NOT NULL on a filled column, which reads the whole table": r"alter column \S+ set not null",
    "NOT NULL without a default": r"add column (?!.*default).*not null",
    "a default that rewrites the table": (
        r"add column .*default .*(?:random|clock_timestamp|gen_random_uuid|uuidv7|nextval)\("
    ),
    "a constraint together with its column": r"add column .*\b(?:references|check|unique)\b",
    "a constraint that reads the whole table (NOT VALID, then VALIDATE)": (
        r"add (?:constraint|foreign key|check|unique|primary key|exclude)\b(?!.*(?:not valid|using index))"
    ),
}
EXPANDS = re.compile(r"\badd (?:column|constraint)\b|^create ")
CONTRACTS = re.compile(r"\bdrop (?:column|table|constraint)\b|\brename (?:to|column)\b")
FILLS = re.compile(r"^(?:update|insert into|delete from) (?!\S*alembic_version)")
# Alembic writes it after each revision.
END_OF_REVISION = re.compile(r"^(?:insert into|update) \S*alembic_version")


def dangers(statements: Iterable[str]) -> list[str]:
    """`statements` as one connection sent them, from its first; tables made in the same revision are empty."""
    found: list[str] = []
    revision: list[str] = []
    timeouts: set[str] = set()
    for statement in statements:
        plain = " ".join(BODY_OR_TEXT.sub("''", statement).replace('"', "").lower().split())
        timeouts.update(timeout for timeout in TIMEOUTS if plain.startswith(timeout))
        if plain.startswith(("alter ", "create table", "create index", "drop ")) and len(timeouts) < len(TIMEOUTS):
            found.append(f"without lock_timeout and statement_timeout: {plain}")
        if END_OF_REVISION.search(plain):
            found.extend(_of_revision(revision))
            revision = []
        else:
            revision.append(plain)
    return found + _of_revision(revision)


def _of_revision(statements: list[str]) -> list[str]:
    new = {match[1] for statement in statements if (match := CREATED.search(statement))}
    found = [danger for statement in statements for danger in _of_statement(statement, new)]
    changes = [statement for statement in statements if (target := _target(statement)) and target not in new]
    kinds = {
        "expand": [statement for statement in changes if EXPANDS.search(statement)],
        "backfill": [statement for statement in statements if FILLS.search(statement)],
        "contract": [statement for statement in statements if CONTRACTS.search(statement)],
    }
    mixed = [kind for kind, of_kind in kinds.items() if of_kind]
    return found + ([f"{' and '.join(mixed)} in one revision: {kinds[mixed[0]][0]}"] if len(mixed) > 1 else [])


def _target(statement: str) -> str:
    match = ALTERED.search(statement) or INDEXED.search(statement)
    return match[1] if match else ""


def _of_statement(statement: str, new: set[str]) -> Iterator[str]:
    if ";" in statement.rstrip("; "):
        yield f"several statements in one: {statement}"
    if (index := INDEXED.search(statement)) and index[1] not in new:
        yield f"an index without CONCURRENTLY: {statement}"
    altered = ALTERED.search(statement)
    if altered is not None and altered[1] not in new:
        for danger, pattern in DANGEROUS_CHANGES.items():
            if re.search(pattern, altered[2]):
                yield f"{danger}: {statement}"
