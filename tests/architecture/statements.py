"""A linter for SQL as it is sent (rules 7, 9 and 10 of what Citus taught us).

It knows no grammar, only words: a statement is cut into *parts* (the main one, each CTE, each subquery, each arm of a
UNION), and every part must name the establishment of each tenant table that it mentions.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from tests.architecture.houses import TENANT_TABLES

TENANT_NAMES = {table.fullname for table in TENANT_TABLES}
COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
TOKEN = re.compile(r"[a-z_][\w$]*(?:\s*\.\s*(?:[a-z_][\w$]*|\*))*|\$\d+|\d+|::|<>|<=|>=|\|\||\S")
VERBS = {"select", "insert", "update", "delete", "merge", "with"}
VOLATILE = {"clock_timestamp", "random", "gen_random_uuid", "nextval", "timeofday"}
# What may follow a table's name without being another name for it.
NO_ALIAS = {"on", "where", "set", "join", "left", "right", "full", "inner", "cross", "using", "order", "group", "limit"}
NO_ALIAS |= {"for", "returning", "union", "values", "default", "do", "having", "offset", "natural", "window", "fetch"}


class Part(msgspec.Struct):
    """The words of one SELECT, INSERT, UPDATE or DELETE; a subquery within it stands as `(` `)`."""

    words: list[str]

    @property
    def verb(self) -> str:
        return next((word for word in self.words if word in VERBS - {"with"}), "")


def complaints(sql: str) -> list[str]:
    """What is wrong with a statement, in sentences."""
    words = _words(sql)
    if not words or words[0] not in VERBS:
        return []
    found = [complaint for part in _parts(words) for complaint in _complaints(part)]
    # asyncpg itself turns the compiler off around its look at the types.
    if "set_config" in words and "'jit'" not in sql:
        found.append("set_config does not reach the workers of Citus")
    return found


def _words(sql: str) -> list[str]:
    text = COMMENT_OR_TEXT.sub(" '' ", sql).replace('"', "").lower()
    return [re.sub(r"\s", "", word) for word in TOKEN.findall(text)]


def _parts(words: list[str]) -> list[Part]:
    finished: list[Part] = []
    # One entry per open parenthesis: the part it began, or None for one that only groups.
    open_parts: list[Part | None] = [Part([])]
    for index, word in enumerate(words):
        current = next(part for part in reversed(open_parts) if part is not None)
        if word == "(":
            current.words.append(word)
            begins = words[index + 1 : index + 2] and words[index + 1] in VERBS
            open_parts.append(Part([]) if begins else None)
        elif word == ")":
            ended = open_parts.pop()
            if ended is not None:
                finished.append(ended)
            next(part for part in reversed(open_parts) if part is not None).words.append(word)
        elif word in {"union", "intersect", "except"}:
            finished.append(Part(current.words[:]))
            current.words.clear()
        else:
            current.words.append(word)
    return finished + [part for part in open_parts if part is not None]


def _complaints(part: Part) -> Iterator[str]:
    words, verb = part.words, part.verb
    if verb == "merge":
        yield "MERGE fails under row-level security"
    tables = list(_tables(words))
    target = tables[0][0] if verb == "insert" and tables else ""
    if target and "establishment_id" not in _columns(words):
        yield f"INSERT INTO {target} does not name establishment_id"
    read = tables[1:] if target else tables
    compared = _compared(words)
    for table, name in read:
        names = {f"{name}.establishment_id", f"{table}.establishment_id" if name == table.split(".")[1] else ""}
        if len(read) == 1:
            names.add("establishment_id")
        if not names & compared:
            yield f"{table} (as {name}) is not compared with the establishment: {name}.establishment_id = $n"
    written = words[words.index("set") :] if "set" in words and verb in {"update", "insert"} else []
    if verb in {"update", "delete"}:
        written = words
    if volatile := VOLATILE & set(written):
        yield f"{', '.join(sorted(volatile))} in {verb.upper()}: give the time or id as a parameter"
    if _assigns_establishment(words):
        yield "SET establishment_id: a row never moves to another establishment"
    if "returning" in words and (odd := _not_columns(words[words.index("returning") + 1 :])):
        yield f"RETURNING more than plain columns: {odd}"


def _tables(words: list[str]) -> Iterator[tuple[str, str]]:
    """Every tenant table with the name that it goes by."""
    for index, word in enumerate(words):
        if word not in TENANT_NAMES:
            continue
        rest = words[index + 1 : index + 3]
        alias = rest[-1] if rest[:1] == ["as"] else "".join(rest[:1])
        is_alias = re.fullmatch(r"[a-z_]\w*", alias) and alias not in NO_ALIAS
        yield word, alias if is_alias else word.split(".")[1]


def _columns(words: list[str]) -> list[str]:
    """What an INSERT fills."""
    start = words.index("into") + 2
    return words[start : words.index(")", start)] if ")" in words[start:] else []


def _compared(words: list[str]) -> set[str]:
    """Columns called establishment_id that must equal a parameter. `= another.establishment_id` alone is not enough."""
    found = set()
    for left, operator, right in zip(words, words[1:], words[2:], strict=False):
        if operator == "=" and left.endswith("establishment_id") and right.startswith("$"):
            found.add(left)
        if operator == "=" and right.endswith("establishment_id") and left.startswith("$"):
            found.add(right)
    return found


def _assigns_establishment(words: list[str]) -> bool:
    if "set" not in words:
        return False
    after = words[words.index("set") + 1 :]
    ends = [after.index(word) for word in ("where", "from", "returning") if word in after]
    assigned = after[: min(ends, default=len(after))]
    return ("establishment_id", "=") in pairwise(assigned)


def _not_columns(words: list[str]) -> str:
    return " ".join(word for word in words if not re.fullmatch(r"[a-z_][\w.]*|\*|,", word))
