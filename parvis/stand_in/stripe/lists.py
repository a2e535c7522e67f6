from collections.abc import Callable, Sequence
from typing import TypeVar

from parvis.stand_in.stripe.errors import JsonObject, bad_parameter, missing_resource
from parvis.stand_in.stripe.forms import Form
from parvis.stand_in.stripe.objects import Stored

_Record = TypeVar("_Record", bound=Stored)
_DEFAULT_LIMIT = 10
_MAXIMUM_LIMIT = 100
_END_OF_TIME = 2**53


def list_page(
    form: Form, path: str, oldest_first: Sequence[_Record], render: Callable[[_Record], JsonObject]
) -> JsonObject:
    """One page, newest first, as `limit`, `starting_after` and `ending_before` ask."""
    earliest, latest = _created_bounds(form.section("created"))
    newest_first = [record for record in reversed(oldest_first) if earliest <= record.created <= latest]
    limit = form.integer("limit", minimum=1) or _DEFAULT_LIMIT
    if limit > _MAXIMUM_LIMIT:
        message = f"This value must be less than or equal to {_MAXIMUM_LIMIT}."
        raise bad_parameter(message, param="limit", code="parameter_invalid_integer")
    after, before = form.text("starting_after"), form.text("ending_before")
    if after is not None:
        rest = newest_first[_index(newest_first, after, "starting_after") + 1 :]
        page, more = rest[:limit], len(rest) > limit
    elif before is not None:
        rest = newest_first[: _index(newest_first, before, "ending_before")]
        page, more = rest[-limit:], len(rest) > limit
    else:
        page, more = newest_first[:limit], len(newest_first) > limit
    return {"object": "list", "data": [render(record) for record in page], "has_more": more, "url": path}


def _index(records: Sequence[_Record], record_id: str, param: str) -> int:
    for index, record in enumerate(records):
        if record.id == record_id:
            return index
    raise missing_resource("object", record_id, param=param, status=400)


def _created_bounds(form: Form) -> tuple[int, int]:
    after, earliest = form.integer("gt"), form.integer("gte")
    before, latest = form.integer("lt"), form.integer("lte")
    lower = [earliest or 0, 0 if after is None else after + 1]
    upper = [_END_OF_TIME if latest is None else latest, _END_OF_TIME if before is None else before - 1]
    return max(lower), min(upper)
