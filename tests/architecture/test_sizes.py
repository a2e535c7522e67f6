"""Sizes and names of style.md 2, 11 and 13: small enough to be read at once, and called by what they are."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import quantiles

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("parvis", "gateway", "services")
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400
MAX_NESTING = 3
MAX_PARAMETERS = 5

VAGUE = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
# The house's seven, and two for slices with a large face: what may be asked, and what is shown.
SLICE_FILES = {"__init__", "routes", "actions", "queries", "tables", "rules", "jobs", "requests", "views"}
# What a slice holds beyond the agreed files, and why.
MORE_IN_SLICES = {
    "inventory/availability/answers": "encoded answers, kept in memory: neither a verb nor a read",
    "inventory/availability/shortcut": "the way from the door to those answers, past the framework",
    "ticketing/entry/book": "one batch under the lock, in memory: what scans are answered, and what tickets come to",
    "ticketing/entry/codes": "reads and verifies codes with the keys of the second",
    "ticketing/entry/locked": "what the locking read shows",
    "ticketing/entry/locking": "the one locking read of a batch: half of the verb, and as long as the other half",
    "ticketing/entry/page": "one ticket in the book",
    "ticketing/entry/rebooking": "late visitors: which place, taken and given back over several transactions and calls",
    "ticketing/entry/written": "the rows of one batch, as they pile up",
    "ticketing/entry/desk": "verifies codes and owns the batch of scans: state that lives as long as the process",
    "ticketing/messages/letters": "what mails say in each language and how they look: pure, but for their templates",
    "ticketing/messages/mailers": "the Protocol that mail servers stand behind (style 9), and its implementations",
    "ticketing/orders/desk": "everything that can be asked of orders, as one object that faces are handed",
    "ticketing/orders/checkout": "buying, over several transactions: places first, then the books",
    "ticketing/orders/cashier": "buying with a payment provider, over several transactions and calls",
    "ticketing/orders/after_sales": "changing and cancelling, over several transactions: the books first, then places",
    "ticketing/orders/drafts": "pure: from what was asked to what the books take in",
    "ticketing/orders/documents": "pure: what a ticket's page shows",
    "ticketing/orders/posting": "the one batched action: numbers, tickets and events of many orders at once",
    "ticketing/orders/ticket_routes": "the routes of tickets, which are reached like their order",
    "ticketing/entry/attendance": "who came and who is inside, counted and watched: reads of their own",
    "ticketing/entry/devices": "scanners are a resource of their own, with verbs and reads of their own",
    "ticketing/entry/passes": "what a scanner takes along to decide by itself: all of a day, sealed, then what changed",
    "ticketing/entry/search": "visitors of a day by name, for staff with the right",
    "ticketing/payments/provider": "the Protocol that an outside system stands behind (style 9)",
    "ticketing/payments/stripe_provider": "its real implementation, and the only module that imports the SDK",
    "ticketing/tickets/code": "the format of the QR code and its short code: a standard to be read on its own",
    "ticketing/tickets/documents": "the faces of a ticket (page, QR, calendar entry), drawn by a pool of processes",
    "ticketing/tickets/keys": "the verbs and reads of signing keys",
    "ticketing/tickets/wallet": "tickets for phones' wallets, and the certificate that signs them",
    "ticketing/waiting/desk": "joining, looking and leaving, over several transactions and calls",
    "ticketing/waiting/turnstile": "the contract of inventory as visitors reach it: the line goes first",
    "ticketing/tickets/signing": "the opened keys, kept in memory: neither a verb nor a read",
}
# Litestar and typer call these, each parameter being a part of the request or an option of the command.
HANDLERS = {"get", "post", "put", "patch", "delete", "head", "route", "command", "callback"}
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _files(*folders: str) -> list[Path]:
    """Revisions are exempt: a first one is as long as the schema, and none is ever edited."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in found if path.parent.name != "versions"]


def _functions() -> Iterator[tuple[str, Function]]:
    for path in _files(*CODE):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Function):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def test_functions_are_short() -> None:
    lengths = {name: _length(function) for name, function in _functions()}
    _report("function", list(lengths.values()))
    _assert_none(f"{name}: {length} lines" for name, length in lengths.items() if length > MAX_FUNCTION_LINES)


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in _files(*CODE, "tests", "bench")}
    _report("file", [length for path, length in lengths.items() if length and _is_code(path)])
    _assert_none(
        f"{path.relative_to(ROOT)}: {length} lines" for path, length in lengths.items() if length > MAX_FILE_LINES
    )


def test_functions_nest_little() -> None:
    depths = {name: _nesting(function.body) for name, function in _functions()}
    _assert_none(f"{name}: {depth} levels" for name, depth in depths.items() if depth > MAX_NESTING)


def test_functions_take_few_parameters() -> None:
    counts = {name: _parameters(function) for name, function in _functions()}
    _assert_none(f"{name}: {count} parameters" for name, count in counts.items() if count > MAX_PARAMETERS)


def test_names_say_what_is_inside() -> None:
    paths = [path.relative_to(ROOT) for path in _files(*CODE, "tests", "bench")]
    _assert_none(str(path) for path in paths for part in path.with_suffix("").parts if VAGUE & set(part.split("_")))


def test_packages_have_empty_faces() -> None:
    _assert_none(str(path) for path in _files(*CODE) if path.name == "__init__.py" and path.read_text().strip())


@pytest.mark.parametrize("service", ["inventory", "ticketing"])
def test_slices_hold_the_agreed_files_only(service: str) -> None:
    slices = [path for path in (ROOT / "services" / service).iterdir() if _is_slice(path)]
    held = [path for slice_ in slices for path in slice_.iterdir() if path.suffix == ".py" or _is_slice(path)]
    assert held
    _assert_none(
        str(path.relative_to(ROOT))
        for path in held
        if path.stem not in SLICE_FILES and _below_services(path) not in MORE_IN_SLICES
    )


def test_no_reason_outlives_its_file() -> None:
    present = {_below_services(path) for path in (ROOT / "services").rglob("*") if "__pycache__" not in path.parts}
    _assert_none(MORE_IN_SLICES.keys() - present)


def _assert_none(found: Iterable[str]) -> None:
    listed = sorted(found)
    assert listed == [], "\n".join(listed)


def _is_slice(path: Path) -> bool:
    return path.is_dir() and path.name not in {"migrations", "__pycache__"}


def _below_services(path: Path) -> str:
    return str(path.relative_to(ROOT / "services").with_suffix(""))


def _is_code(path: Path) -> bool:
    return path.relative_to(ROOT).parts[0] in CODE


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _nesting(body: list[ast.stmt]) -> int:
    return max((_depth(statement) for statement in body), default=0)


def _depth(statement: ast.stmt) -> int:
    """An `elif` is no deeper than its `if`; a function within a function is measured by itself."""
    if not isinstance(statement, BLOCKS):
        return 0
    inner = [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]
    for part in [*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]:
        inner.extend(part.body)
    orelse = getattr(statement, "orelse", [])
    is_chain = isinstance(statement, ast.If) and len(orelse) == 1 and isinstance(orelse[0], ast.If)
    if not is_chain:
        return 1 + _nesting(inner)
    return max(1 + _nesting([child for child in inner if child is not orelse[0]]), _depth(orelse[0]))


def _parameters(function: Function) -> int:
    """Those that a caller has to think of: not the object itself, not the session."""
    if any(_called(decorator) in HANDLERS for decorator in function.decorator_list):
        return 0
    arguments = function.args
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
    more = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return len([name for name in names if name not in {"self", "cls", "session"}]) + len(more)


def _called(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _report(thing: str, lengths: list[int]) -> None:
    tenths = quantiles(lengths, n=10)
    print(f"\n{thing} lines: p50 {tenths[4]:.0f}, p90 {tenths[8]:.0f}, longest {max(lengths)}, of {len(lengths)}")  # noqa: T201 - shown with -s
