"""What can be bought: the most asked question of the house."""

import hashlib
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidation

from services.inventory.availability.queries import count_places
from services.inventory.availability.rules import (
    AvailableDay,
    AvailableSlot,
    Bound,
    OfferCount,
    Window,
    available_days,
    available_slots,
    bound,
)
from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.errors import NotFound
from services.kit.ids import path_id
from services.kit.principal import Principal, Scope
from services.kit.web import ESTABLISHMENT, cached, public

PREVIEW: Scope = "catalog:write"
SHARED_CACHE = "public, max-age=1"
NO_CACHE = "private, no-store"

View: TypeAlias = Literal["slots", "days"]
FromBound: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="from", description="A local date, or a time with its offset; today if left out"),
]
UntilBound: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="until",
        description="A local date, itself included, or a time, itself excluded; 30 days later if left out. "
        "At most 62 days.",
    ),
]
WantedView: TypeAlias = Annotated[View, QueryParameter(description="One line per slot, or per day")]


class Slots(msgspec.Struct, frozen=True):
    slots: list[AvailableSlot]


class Days(msgspec.Struct, frozen=True):
    days: list[AvailableDay]


class Question(msgspec.Struct, frozen=True):
    since: Bound | None
    until: Bound | None
    view: View
    if_none_match: str


def question(
    request: Request[Any, Any, Any], since: FromBound = None, until: UntilBound = None, view: WantedView = "slots"
) -> Question:
    return Question(
        since=bound(since, "/from"),
        until=bound(until, "/until"),
        view=view,
        if_none_match=request.headers.get("if-none-match", ""),
    )


@get(
    f"{ESTABLISHMENT}/offers/{{offer_id:str}}/availability",
    dependencies={"question": Provide(question, sync_to_thread=False)},
    **cached(public()),
    summary="What can be bought, by slot or by day",
)
async def read_availability(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    clock: NamedDependency[SkipValidation[Clock]],
    offer_id: FromPath[str],
    question: NamedDependency[SkipValidation[Question]],
) -> Response[Slots | Days]:
    wanted = path_id(offer_id)
    window = Window(since=question.since, until=question.until, now=clock.now())
    dates = window.around()
    offer = await database.read(
        principal.tenant, lambda session: count_places(session, principal.tenant, wanted, dates)
    )
    if offer is None or not (offer.published or principal.may(PREVIEW)):
        raise NotFound
    return _answer(offer, window, question)


def _answer(offer: OfferCount, window: Window, question: Question) -> Response[Any]:
    if question.view == "days":
        body = msgspec.json.encode(Days(available_days(offer, window)))
    else:
        body = msgspec.json.encode(Slots(available_slots(offer, window)))
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": SHARED_CACHE if offer.published else NO_CACHE}
    if _knows(question.if_none_match, etag):
        return Response(content=b"", status_code=304, headers=headers)
    return Response(content=body, media_type="application/json", headers=headers)


def _knows(if_none_match: str, etag: str) -> bool:
    """Does the client have this body? Weak or strong makes no difference for a read (RFC 9110 §13.1.2)."""
    known = [value.strip().removeprefix("W/") for value in if_none_match.split(",")]
    return etag in known or known == ["*"]


handlers = [read_availability]
