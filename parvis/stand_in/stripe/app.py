"""A small server that behaves on the wire like Stripe, as far as Parvis uses it. No money, no network, no account."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, Response, get
from litestar.di import Provide
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.logging import LoggingConfig

from parvis.stand_in.stripe.api import create_api_router
from parvis.stand_in.stripe.books import Books
from parvis.stand_in.stripe.calls import AnyRequest, CallDesk, encode
from parvis.stand_in.stripe.control import create_control_router
from parvis.stand_in.stripe.errors import StripeProblem
from parvis.stand_in.stripe.hosted_page import create_hosted_router
from parvis.stand_in.stripe.journal import Journal
from parvis.stand_in.stripe.settings import StripeStandInSettings
from parvis.stand_in.stripe.webhooks import Dispatcher

_TIDY_SECONDS = 1.0


def create_stripe_stand_in(settings: StripeStandInSettings) -> Litestar:
    """State lives in this one app object: serve it with one worker."""
    books = Books(Journal(settings.data_path))
    dispatcher = Dispatcher(books, settings)
    desk = CallDesk(books, dispatcher, settings)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        await dispatcher.start()
        tidying = asyncio.create_task(_keep_tidy(desk))
        yield
        tidying.cancel()
        with suppress(asyncio.CancelledError):
            await tidying
        await dispatcher.stop()
        books.journal.close()

    return Litestar(
        route_handlers=[create_api_router(desk), create_control_router(), create_hosted_router(), live],
        dependencies={"desk": Provide(lambda: desk, sync_to_thread=False)},
        lifespan=[running],
        exception_handlers={
            StripeProblem: _answer_problem,
            NotFoundException: _answer_unknown_address,
            MethodNotAllowedException: _answer_unknown_address,
        },
        logging_config=LoggingConfig(root={"level": "WARNING", "handlers": ["queue_listener"]}),
        openapi_config=None,
    )


@get("/livez", media_type="text/plain")
async def live() -> str:
    return "ok"


async def _keep_tidy(desk: CallDesk) -> None:
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        desk.tidy()


def _answer_problem(_: AnyRequest, problem: StripeProblem) -> Response[str]:
    return Response(encode(problem.body()), status_code=problem.status, media_type="application/json")


def _answer_unknown_address(request: AnyRequest, _: Exception) -> Response[str]:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return _answer_problem(request, StripeProblem(404, "invalid_request_error", message))
