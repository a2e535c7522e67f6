"""The commands that do one thing to an instance and end.

What they call is imported only once the instance is reached: it brings the libraries of the database (0.5 s), and the
address of the instance may be what is wrong.
"""

from pathlib import Path

from parvis.instance import reached
from parvis.settings import from_environment


async def migrate(data: Path | None) -> None:
    async with reached(data) as environment:
        from parvis.migrate import migrate as run

        await run(from_environment(environment))


async def create_demo(data: Path | None) -> None:
    async with reached(data) as environment:
        from parvis.demo.making import create

        await create(from_environment(environment))


async def verify(data: Path | None) -> list[str]:
    """The violations found, one sentence each."""
    async with reached(data) as environment:
        from parvis.verify import verify as run

        return await run(from_environment(environment))


async def create_establishment(data: Path | None, fields: dict[str, object]) -> str:
    """`fields` as in the body of `POST /v1/establishments`; the answer is the first admin key."""
    async with reached(data) as environment:
        from parvis.establishments import create

        return await create(from_environment(environment), fields)


async def make_operator_key(data: Path | None, name: str) -> str:
    async with reached(data) as environment:
        from parvis.establishments import operator_key

        return await operator_key(from_environment(environment), name)


async def pair(data: Path | None, establishment: str | None, name: str) -> str:
    """The link that pairs a phone; without an establishment, for the only one there is."""
    async with reached(data) as environment:
        from parvis.scanners import make_scanner, only_establishment

        settings = from_environment(environment)
        chosen = establishment or await only_establishment(settings)
        return (await make_scanner(settings, chosen, name=name)).link
