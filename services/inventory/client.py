"""Inventory in another process: the same contract over HTTP."""

from uuid import UUID

from services.inventory.contract import (
    ConfirmHold,
    ExtendHold,
    FindClosedSlots,
    FindGauges,
    FindPlaces,
    FindSales,
    FindSlots,
    Gauge,
    Hold,
    PlaceHold,
    ReturnPlaces,
    Schedule,
    Slot,
    SlotPlaces,
    SoldHold,
)
from services.kit.principal_token import PrincipalSigner
from services.kit.rpc import RemoteContract, RemoteMethod

METHODS = {
    "put_schedule": RemoteMethod(Schedule, None),
    "find_slots": RemoteMethod(FindSlots, list[Slot]),
    "find_places": RemoteMethod(FindPlaces, list[SlotPlaces]),
    "place_hold": RemoteMethod(PlaceHold, Hold),
    "extend_hold": RemoteMethod(ExtendHold, Hold),
    "confirm_hold": RemoteMethod(ConfirmHold, Hold),
    "return_places": RemoteMethod(ReturnPlaces, Hold),
    "find_sales": RemoteMethod(FindSales, list[SoldHold]),
    "find_closed_slots": RemoteMethod(FindClosedSlots, list[UUID]),
    "find_gauges": RemoteMethod(FindGauges, list[Gauge]),
}


class InventoryClient:
    def __init__(self, url: str, signer: PrincipalSigner) -> None:
        self._remote = RemoteContract(url, "inventory", signer, METHODS)

    async def put_schedule(self, schedule: Schedule) -> None:
        await self._remote.call("put_schedule", schedule)

    async def find_slots(self, query: FindSlots) -> list[Slot]:
        slots: list[Slot] = await self._remote.call("find_slots", query)
        return slots

    async def find_places(self, query: FindPlaces) -> list[SlotPlaces]:
        places: list[SlotPlaces] = await self._remote.call("find_places", query)
        return places

    async def place_hold(self, request: PlaceHold) -> Hold:
        return await self._hold("place_hold", request)

    async def extend_hold(self, request: ExtendHold) -> Hold:
        return await self._hold("extend_hold", request)

    async def confirm_hold(self, request: ConfirmHold) -> Hold:
        return await self._hold("confirm_hold", request)

    async def return_places(self, request: ReturnPlaces) -> Hold:
        return await self._hold("return_places", request)

    async def find_sales(self, query: FindSales) -> list[SoldHold]:
        sales: list[SoldHold] = await self._remote.call("find_sales", query)
        return sales

    async def find_closed_slots(self, query: FindClosedSlots) -> list[UUID]:
        slot_ids: list[UUID] = await self._remote.call("find_closed_slots", query)
        return slot_ids

    async def find_gauges(self, query: FindGauges) -> list[Gauge]:
        gauges: list[Gauge] = await self._remote.call("find_gauges", query)
        return gauges

    async def close(self) -> None:
        await self._remote.close()

    async def _hold(self, method: str, request: PlaceHold | ExtendHold | ConfirmHold | ReturnPlaces) -> Hold:
        hold: Hold = await self._remote.call(method, request)
        return hold
