import asyncio, time, msgspec
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.actions import LOCK_TICKETS
from services.kit.clock import SystemClock
from services.kit.database import Database
from tests.services.ticketing.rows import *
from tests.services.ticketing.entry.conftest import *
async def test_b(instance, owner, museum, clock):
    t = await make_ticket(owner, museum)
    await owner.execute("""INSERT INTO ticketing.tickets (establishment_id,id,number,short_code,status,order_id,line_position,hold_id,slot_id,offer_id,tariff_id,price_minor,starts_at,ends_at,valid_from,valid_until,revision,key_id,issued_at)
      SELECT establishment_id, gen_random_uuid(), number+i, 'X'||i, status,order_id,line_position,hold_id,slot_id,offer_id,tariff_id,price_minor,starts_at,ends_at,valid_from,valid_until,revision,key_id,issued_at FROM ticketing.tickets, generate_series(1,50000) i""")
    await owner.execute("ANALYZE")
    ids=[r['id'] for r in await owner.fetch("SELECT id FROM ticketing.tickets WHERE short_code LIKE 'X%' LIMIT 1500")]
    codes=[signed_code(museum, msgspec.structs.replace(t,id=i)) for i in ids]
    dbs=[Database(instance.ticketing_url) for _ in range(2)]; desks=[EntryDesk(d, SystemClock()) for d in dbs]
    lat=[]
    async def one(desk, code):
        a=time.perf_counter(); r=await desk.scan(staff(museum), new_scan(code, museum.gate_id, clock)); lat.append(time.perf_counter()-a); return msgspec.json.decode(r)
    for c in codes[:300]: await one(desks[0], c)
    lat.sort(); print("seq p50 %.2f ms p99 %.2f"%(lat[150]*1e3, lat[-3]*1e3)); lat.clear()
    a=time.perf_counter()
    for k in range(300,1300,100):
        rs=await asyncio.gather(*(one(desks[g%2], c) for c in codes[k:k+100] for g in range(50)))
        assert sum(r["outcome"]=="admitted" for r in rs)==100
    n=len(lat); lat.sort(); print("burst 5000 at once x10: %.0f/s p50 %.0f ms p99 %.0f"%(n/(time.perf_counter()-a), lat[n//2]*1e3, lat[int(n*.99)]*1e3)); lat.clear()
    for k in range(1300,1500):
        await asyncio.gather(*(one(desks[g%2], codes[k]) for g in range(50)))
    n=len(lat); lat.sort(); print("50 gates, one ticket: p50 %.1f ms p99 %.1f ms"%(lat[n//2]*1e3, lat[int(n*.99)]*1e3))
    await owner.execute(f"SET plan_cache_mode=force_generic_plan"); st=await owner.prepare("EXPLAIN "+LOCK_TICKETS) if 0 else None
    e=museum.establishment_id
    await owner.execute("PREPARE q(uuid,uuid[],text[],uuid[],uuid[]) AS "+LOCK_TICKETS)
    for r in await owner.fetch(f"EXPLAIN EXECUTE q('{e}','{{{ids[0]}}}','{{}}','{{}}','{{}}')"): print(r[0])
    for d in desks: await d.close()
    for d in dbs: await d.close()
