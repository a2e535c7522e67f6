"""The commands that work once on an instance and end."""

from pathlib import Path

from parvis.instance import reached
from parvis.settings import from_environment


async def migrate(data: Path | None) -> None:
    # Imported here, as below: each brings the database's libraries (0.5 s), and an address may be wrong before that.
    from parvis.migrate import migrate as run

    async with reached(data) as environment:
        await run(from_environment(environment))


async def create_demo(data: Path | None) -> None:
    from parvis import demo

    async with reached(data) as environment:
        await demo.create(from_environment(environment))


async def verify(data: Path | None) -> list[str]:
    """The violations found, one sentence each."""
    from parvis.verify import verify as run

    async with reached(data) as environment:
        return await run(from_environment(environment))


async def create_establishment(data: Path | None, fields: dict[str, object]) -> str:
    """`fields` as in the body of `POST /v1/establishments`; the answer is the first admin key."""
    from parvis import establishments

    async with reached(data) as environment:
        return await establishments.create(from_environment(environment), fields)
