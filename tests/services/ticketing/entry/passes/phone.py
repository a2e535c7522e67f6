"""A scanner that keeps the entry pass as the page in the phone does: by id, each answer over what it has."""

from typing import Any
from urllib.parse import quote

import msgspec

from tests.services.ticketing.entry.at_the_gate import Scanner

BY_ID = ("tickets", "slots", "gauges")
WHOLE = ("establishment", "keys", "gates", "devices", "offers", "tariffs")


class Phone(msgspec.Struct):
    scanner: Scanner
    date: str
    cursor: str | None = None
    parts: dict[str, Any] = {}
    tickets: dict[str, Any] = {}
    slots: dict[str, Any] = {}
    gauges: dict[str, Any] = {}
    answers: list[dict[str, Any]] = []

    async def pull(self) -> None:
        """All there is to know now."""
        while (await self.ask())["more"]:
            pass

    async def ask(self) -> dict[str, Any]:
        path = f"/entry-pass?gate_id={self.scanner.gate_id}&date={self.date}"
        if self.cursor:
            path += f"&cursor={quote(self.cursor)}"
        response = await self.scanner.ask("GET", path)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        self.cursor = answer["cursor"]
        self.answers.append(answer)
        for part in BY_ID:
            getattr(self, part).update({one["id"]: one for one in answer[part]})
        self.parts.update({part: answer[part] for part in WHOLE if part in answer})
        return answer

    def knows(self) -> dict[str, object]:
        """All but the blobs, which differ each time they are made."""
        tickets = {id_: {**ticket, "blob": None} for id_, ticket in self.tickets.items()}
        return {"tickets": tickets, "slots": self.slots, "gauges": self.gauges, **self.parts}
