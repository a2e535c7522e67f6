"""What can be bought: the most asked question of the house."""

from typing import Annotated, Any, TypeAlias

from litestar import Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidation

from services.inventory.availability.answers import Answers, Days, Question, Slots, View
from services.inventory.availability.rules import bound
from services.kit.errors import NotFound
from services.kit.ids import path_id
from services.kit.principal import Principal, Scope
from services.kit.web import ESTABLISHMENT, cached, public

PREVIEW: Scope = "catalog:write"

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


def question(
    offer_id: FromPath[str], since: FromBound = None, until: UntilBound = None, view: WantedView = "slots"
) -> Question:
    return Question(offer_id=path_id(offer_id), since=bound(since, "/from"), until=bound(until, "/until"), view=view)


@get(
    f"{ESTABLISHMENT}/offers/{{offer_id:str}}/availability",
    dependencies={"question": Provide(question, sync_to_thread=False)},
    **cached(public()),
    summary="What can be bought, by slot or by day",
)
async def read_availability(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    answers: NamedDependency[Answers],
    question: NamedDependency[SkipValidation[Question]],
) -> Response[Slots | Days]:
    answer = await answers.get(principal.tenant, question)
    if not (answer.published or principal.may(PREVIEW)):
        raise NotFound
    headers = {name.decode(): value.decode() for name, value in answer.headers_if_known}
    if answer.is_known(request.headers.get("if-none-match", "")):
        return Response[Any](content=b"", status_code=304, headers=headers)
    return Response[Any](content=answer.body, media_type="application/json", headers=headers)


handlers = [read_availability]
