"""The order while it is made: places are held, lines can be changed, time runs."""

import hmac
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec

from gateway.replies import Reply
from gateway.shop import basket
from gateway.shop.api import Ask
from gateway.shop.basket import BadNumberError, Wanted
from gateway.shop.cart_page import cart_page, empty_page, expired_page, pending_page
from gateway.shop.language import Words
from gateway.shop.offer import Fault, Form, offer_page
from gateway.shop.own_answers import Line, Order
from gateway.shop.own_order import Own, current_order, key_of, order_of_form, send_once
from gateway.shop.pocket import Opener, Pocket
from gateway.shop.rendering import see_other
from gateway.shop.routes import OwnPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View, Visit
from gateway.shop.visits import TariffBook, tariff_book
from services.kit.errors import Invalid, Refused
from services.kit.principal import Principal

FULL = frozenset({"sold_out", "not_enough_places"})


async def show_order(shop: Shop, visit: Visit) -> Reply:
    """The order as it stands: to fill in, to pay, over, or bought."""
    own = await current_order(shop, visit)
    if own is None:
        return await empty_page(shop, visit.view)
    if own.order.status == "held":
        return await cart_page(shop, visit.view, own)
    if own.order.status == "awaiting_payment":
        return await pending_page(shop, visit.view, own, has_returned="returned" in visit.view.query)
    if own.order.status == "expired":
        return await expired_page(shop, visit.view, own)
    if not own.order.tickets:
        return await empty_page(shop, visit.view)
    return see_other(visit.view.link(own.path))


async def add(shop: Shop, visit: Visit) -> Reply:
    """The form of an offer: to the order that is held here, or to a new one."""
    visit.check_origin(shop.public_url)
    form, view = await visit.form(), visit.view
    front = await shop.storefront.front(view.visitor)
    offer = front.offer(form.get("offer_id", ""))
    tariffs = await tariff_book(shop, view, front, [offer.id])
    try:
        wanted = _choice(view.words, form, tariffs)
    except FilledWrongError as error:
        return await _refill(shop, view, form, [error.fault])
    own = await current_order(shop, visit)
    kept: Sequence[Line] = own.order.lines if own and own.order.status == "held" else ()
    lines = basket.together(kept, wanted)
    try:
        if own is None or not kept:
            return await hold(shop, visit, lines, _key_of_choice(shop, form, own, lines))
        await _change(shop, own, lines)
    except Refused as refused:
        if refused.code == "order_ended":
            return await hold(shop, visit, wanted)
        if refused.code in FULL:
            return see_other(_full(view, str(offer.id), form.get("day"), wanted, refused.remaining))
        tariffs |= await tariff_book(shop, view, front, [line.offer_id for line in kept])
        return await _refill(shop, view, form, _faults_in_offer(view.words, refused, lines, wanted, tariffs))
    return see_other(view.link(f"/{view.slug}/order"))


async def change(shop: Shop, visit: Visit) -> Reply:
    """Other quantities; nothing left gives the places back."""
    own, form = await order_of_form(shop, visit)
    view = visit.view
    try:
        wanted = basket.changed(form, own.order.lines)
    except BadNumberError as error:
        fault = Fault(error.field, view.words.gettext("Please enter a number."))
        return await cart_page(shop, view, own, Form(form, [fault]))
    if own.order.status == "held" and not wanted:
        return await give_up(shop, visit)
    try:
        await _change(shop, own, wanted)
    except Refused as refused:
        found = await _faults_in_order(shop, view, own.order, wanted, refused)
        if found:
            return await cart_page(shop, view, own, Form(form, found))
    return see_other(view.link(f"/{view.slug}/order"))


async def extend(shop: Shop, visit: Visit) -> Reply:
    """Once (RGAA 13.1). What cannot be extended is shown as it is."""
    own, form = await order_of_form(shop, visit)
    if own.order.status == "held" and not own.order.extended:
        await send_or_show(shop, own.principal, Ask("POST", f"{own.api}/extension", key=key_of(form)))
    return see_other(visit.view.link(f"/{visit.view.slug}/order"))


async def give_up(shop: Shop, visit: Visit) -> Reply:
    own, form = await order_of_form(shop, visit)
    view = visit.view
    if own.order.status in {"held", "awaiting_payment"}:
        ask = Ask("POST", f"{own.api}/cancellation", body={}, key=key_of(form))
        if not await send_or_show(shop, own.principal, ask):
            return see_other(view.link(f"/{view.slug}/order"))
    headers = Pocket(visit, shop.public_url).without(own.opener)
    return see_other(view.link(f"/{view.slug}/order"), headers)


async def begin_again(shop: Shop, visit: Visit) -> Reply:
    """The same choice, after its time was over."""
    own, form = await order_of_form(shop, visit)
    view = visit.view
    if own.order.status != "expired":
        return see_other(view.link(f"/{view.slug}/order"))
    lines = basket.together(own.order.lines, ())
    try:
        return await hold(shop, visit, lines, key_of(form))
    except Refused as refused:
        if refused.code not in FULL | {"slot_closed", "validation_failed", "unknown_slot"}:
            raise
        first = await _first_without_room(shop, view, own.order)
        day = first.starts_at.date().isoformat()
        return see_other(_full(view, str(first.offer_id), day, [one for one in lines if one.slot_id == first.slot_id]))


async def hold(shop: Shop, visit: Visit, lines: Sequence[Wanted], key: str | None = None) -> Reply:
    """A new order, which this browser may open from now on. Raises `Refused`."""
    view = visit.view
    ask = Ask("POST", f"/v1/establishments/{view.visitor.establishment_slug}/orders", body={"lines": lines}, key=key)
    order = await send_once(shop, view.visitor, ask, as_=Order)
    opener = Opener(view.slug, order.id, order.access_token)
    headers = Pocket(visit, shop.public_url).with_first(opener)
    return see_other(view.link(f"/{view.slug}/order"), headers)


async def send_or_show(shop: Shop, principal: Principal, ask: Ask) -> bool:
    """False if it came too late: the page that follows shows how things stand."""
    try:
        await send_once(shop, principal, ask, as_=Order)
    except Refused as refused:
        if refused.status != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def _key_of_choice(shop: Shop, form: Mapping[str, str], own: Own | None, lines: Sequence[Wanted]) -> str | None:
    """The same for one form that is sent twice; another for another choice, and after another order.

    So whoever goes back to a page that the browser has kept, and orders again, gets another order.
    """
    once = key_of(form)
    if once is None:
        return None
    chosen = "\n".join(f"{line.slot_id} {line.tariff_id} {line.quantity}" for line in lines)
    before = str(own.order.id) if own else ""
    text = f"first hold v1\n{once}\n{before}\n{chosen}"
    return hmac.digest(shop.secret, text.encode(), "sha256").hex()[:40]


class FilledWrongError(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def _choice(words: Words, form: Mapping[str, str], tariffs: TariffBook) -> list[Wanted]:
    """Raises `FilledWrongError`."""
    slot_id = basket.read_id(form.get("slot_id", ""))
    if slot_id is None:
        raise FilledWrongError(Fault("slot_id", words.gettext("Please choose a time.")))
    try:
        wanted = basket.chosen(form, slot_id)
    except BadNumberError as error:
        raise FilledWrongError(Fault(error.field, words.gettext("Please enter a number."))) from None
    if not wanted:
        first = f"quantity.{next(iter(tariffs), '')}"
        raise FilledWrongError(Fault(first, words.gettext("Please choose at least one ticket.")))
    return wanted


def _faults_in_offer(
    words: Words, refused: Refused, lines: Sequence[Wanted], wanted: Sequence[Wanted], tariffs: TariffBook
) -> list[Fault]:
    """Of the lines that are asked for, those that this form shows are `wanted`."""
    if isinstance(refused, Invalid):
        shown = set(wanted)
        return basket.faults(
            words, refused, lines, tariffs, lambda one: f"quantity.{one.tariff_id}" if one in shown else ""
        )
    return [Fault("slot_id", words.gettext("This time is no longer on sale. Please choose another."))]


async def _faults_in_order(
    shop: Shop, view: View, order: Order, wanted: Sequence[Wanted], refused: Refused
) -> list[Fault]:
    """None if the order is over: its page says so."""
    if refused.code in FULL:
        return [Fault(_largest(order, wanted), _too_many(view, refused))]
    if not isinstance(refused, Invalid):
        return []
    front = await shop.storefront.front(view.visitor)
    tariffs = await tariff_book(shop, view, front, [line.offer_id for line in order.lines])
    return basket.faults(view.words, refused, wanted, tariffs, lambda one: f"quantity.{basket.line_name(one)}")


async def _change(shop: Shop, own: Own, lines: Sequence[Wanted]) -> None:
    await shop.api.send(own.principal, Ask("PATCH", own.api, body={"lines": lines}), as_=Order)


async def _refill(shop: Shop, view: View, form: dict[str, str], faults: Sequence[Fault]) -> Reply:
    """The page of the offer, with all that was filled in."""
    offer_id = form.get("offer_id", "")
    query = {"day": form["day"]} if "day" in form else {}
    page = msgspec.structs.replace(view, path=f"/{view.slug}/offers/{offer_id}", query=query)
    return await offer_page(shop, page, offer_id, Form(form, list(faults)))


def _full(view: View, offer_id: str, day: str | None, wanted: Sequence[Wanted], left: int | None = None) -> str:
    """Where is room instead, and the waiting list. `left`: what the refusal said."""
    slot_id = wanted[0].slot_id if wanted else None
    want = ",".join(f"{one.tariff_id}:{one.quantity}" for one in wanted)
    return view.link(f"/{view.slug}/waiting-list", offer=offer_id, day=day, slot=slot_id, want=want, left=left)


async def _first_without_room(shop: Shop, view: View, order: Order) -> Line:
    """The line to which something else must be found; the first if all have room by now."""
    for line in order.lines:
        day = line.starts_at.date()
        slots = await shop.storefront.slots(view.visitor, line.offer_id, day)
        free = {slot.id: slot.remaining for slot in slots}
        if free.get(line.slot_id, 0) < sum(same.quantity for same in order.lines if same.slot_id == line.slot_id):
            return line
    return order.lines[0]


def _largest(order: Order, wanted: Sequence[Wanted]) -> str:
    """The field of the quantity that was raised."""
    before = {basket.line_name(line): line.quantity for line in order.lines}
    raised = max(wanted, key=lambda one: one.quantity - before.get(basket.line_name(one), 0))
    return f"quantity.{basket.line_name(raised)}"


def _too_many(view: View, refused: Refused) -> str:
    if not refused.remaining:
        return view.words.gettext("No more places are left at this time.")
    return view.words.ngettext(
        "Only %(num)s place can be had at this time.", "Only %(num)s places can be had at this time.", refused.remaining
    )


pages = [
    OwnPage("GET", "/{slug}/order", show_order, ("returned",)),
    OwnPage("POST", "/{slug}/order", add),
    OwnPage("POST", "/{slug}/order/lines", change),
    OwnPage("POST", "/{slug}/order/extension", extend),
    OwnPage("POST", "/{slug}/order/end", give_up),
    OwnPage("POST", "/{slug}/order/again", begin_again),
]
