"""Every operation of the API by every kind of caller: see rights.py for who may do what."""

import pytest

from tests.security.attempts import PREPARE
from tests.security.rights import ACTORS, DEVICE, OPERATOR, OTHER, OWN, VISITOR, WHO_MAY, expected_status
from tests.security.world import World


async def operations(world: World) -> dict[str, int]:
    """Each operation with the status of its success."""
    found = {}
    for path, item in (await world.document())["paths"].items():
        for method, operation in item.items():
            found[f"{method.upper()} {path}"] = min(
                int(status) for status in operation["responses"] if status[0] in "23"
            )
    return found


async def test_every_operation_has_its_rights_written_down(world: World) -> None:
    assert set(await operations(world)) == set(WHO_MAY)
    assert set(PREPARE) == set(WHO_MAY)


@pytest.mark.parametrize("operation", WHO_MAY)
async def test_an_operation_is_for_those_who_may(world: World, operation: str) -> None:
    success = (await operations(world))[operation]
    ours = world.ours
    got, expected = {}, {}
    for actor in ACTORS:
        attempt = await PREPARE[operation](world, ours)
        credentials = {
            VISITOR: None,
            OPERATOR: world.operator_key,
            DEVICE: ours.device_token,
            OWN: attempt.own_token,
            OTHER: ours.other_order_token,
        }
        credential = credentials[actor] if actor in credentials else ours.keys[actor]
        got[actor] = (await attempt.send(world, operation, ours.slug, credential)).status_code
        expected[actor] = expected_status(operation, actor, success)
    assert got == expected


@pytest.mark.parametrize("operation", WHO_MAY)
async def test_a_wrong_credential_is_worse_than_none(world: World, operation: str) -> None:
    attempt = await PREPARE[operation](world, world.ours)
    got = {
        name: (await attempt.send(world, operation, world.ours.slug, credential)).status_code
        for name, credential in world.wrong.items()
    }
    assert got == dict.fromkeys(world.wrong, 401)


@pytest.mark.parametrize("operation", [name for name in WHO_MAY if "{establishment}" in name])
async def test_a_credential_of_another_establishment_finds_nothing(world: World, operation: str) -> None:
    attempt = await PREPARE[operation](world, world.ours)
    theirs = world.theirs
    foreign = {"admin": theirs.admin_key, "device": theirs.device_token, "order": theirs.order_token, **theirs.keys}
    got = {}
    for name, credential in foreign.items():
        for establishment in (world.ours.slug, world.ours.id):
            response = await attempt.send(world, operation, establishment, credential)
            got[name, establishment] = response.status_code, response.json()["code"]
    assert got == dict.fromkeys(got, (404, "not_found"))
