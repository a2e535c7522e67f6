from tests.security.world import World, rows_of
async def test_x(world: World) -> None:
    r = await rows_of(world, world.ours.id)
    for k,v in r.items(): print(k,v[0])
    print(world.ours, world.wrong)
