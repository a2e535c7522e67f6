"""Orders that are paid at a provider: the page to pay, the news of it, and money that finds no place any more.

What the provider says now counts, never what a notification said: those come late, twice and in any order.
"""

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

import msgspec
import structlog

from services.inventory.contract import ExtendHold, HoldEnded
from services.kit.database import WriteSession
from services.kit.errors import Refused
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.ids import derived_id
from services.kit.principal import Principal
from services.kit.texts import in_language
from services.kit.web import encode
from services.ticketing.access.rules import order_token
from services.ticketing.catalog.queries import Catalogue
from services.ticketing.establishments.queries import Establishment
from services.ticketing.ledger.actions import lock_head
from services.ticketing.orders.actions import begin_payment
from services.ticketing.orders.checkout import Checkout
from services.ticketing.orders.drafts import confirmed_by
from services.ticketing.orders.queries import Order, Payment, find_order
from services.ticketing.orders.requests import Confirmation, Customer
from services.ticketing.orders.rules import PAYMENT_SECONDS, OrderEnded, PaymentMethodRefused, check_payment_method
from services.ticketing.payments.actions import (
    NewRefund,
    mark_over,
    mark_paid,
    mark_settled,
    remember_checkout,
    remember_notification,
    start_refund,
)
from services.ticketing.payments.provider import (
    Checkout as ProviderCheckout,
)
from services.ticketing.payments.provider import (
    CheckoutExpired,
    CheckoutLine,
    CheckoutOpen,
    CheckoutPaid,
    CheckoutState,
    PaymentProvider,
    PaymentRefused,
)
from services.ticketing.payments.queries import payment_of_checkout

log = structlog.get_logger()
CASHIER = "service:cashier"


class Cashier:
    """`provider` is None where the operator configured no payment provider."""

    def __init__(self, checkout: Checkout, provider: PaymentProvider | None) -> None:
        self._checkout = checkout
        self._resources = checkout.resources
        self._provider = provider

    async def pay(
        self, principal: Principal, order: Order, wanted: Confirmation, key: IdempotencyKey | None, *, status: int
    ) -> Answer:
        """Opens the provider's page for a held order; the same page again while it is open.

        The caller has marked the key as running.
        """
        tenant = principal.tenant
        provider = self._configured()
        establishment = await self._resources.establishments.get(tenant)
        check_payment_method(wanted.payment_method, order.total_minor, establishment, principal)
        named = confirmed_by(order, wanted)
        customer = Customer(name=named.customer_name, email=named.customer_email, language=named.language)
        try:
            hold = await self._resources.inventory.extend_hold(
                ExtendHold(establishment_id=tenant, hold_id=order.hold_id, expires_in_seconds=PAYMENT_SECONDS)
            )
        except HoldEnded:
            raise OrderEnded("The places are no longer held: make a new order.") from None
        expires_at = hold.expires_at
        if expires_at is None:
            raise OrderEnded("This order is being confirmed.")
        payment = await self._resources.database.write(
            tenant, lambda session: begin_payment(session, tenant, named, customer, expires_at)
        )
        catalogue = await self._resources.catalogues.get(tenant)
        back = self._return_url(establishment, named)
        urls = (wanted.success_url or back, wanted.cancel_url or back)
        asked = _provider_checkout(named, payment, establishment, catalogue, urls)
        reference, url = await self._page(provider, tenant, payment, asked)
        show = await self._checkout.presenter(principal, made_now=status == HTTPStatus.CREATED)

        async def action(session: WriteSession) -> Answer:
            await remember_checkout(session, tenant, payment.id, reference, url)
            waiting = await find_order(session, tenant, order.id)
            return encode(status, show(waiting))

        return await self._resources.once.record(tenant, key, action)

    async def notified(self, tenant: UUID, body: bytes, signature: str) -> None:
        """A provider's webhook. Raises `NotificationRefused`; `Unavailable` makes the provider send it again."""
        provider = self._configured()
        establishment = await self._resources.establishments.get(tenant)
        notification = provider.read_notification(body, signature, establishment.stripe_account)
        if notification is None:
            return
        await self._resources.database.write(
            tenant,
            lambda session: remember_notification(
                session, tenant, notification.event_id, notification.type, notification.checkout_reference
            ),
        )
        await self.settle(tenant, notification.checkout_reference)

    async def settle(self, tenant: UUID, reference: str) -> None:
        """Brings a checkout of ours to the state that the provider tells; safe to repeat at any time."""
        state = await self._configured().look_up(await self._account(tenant), reference)
        await self.apply(tenant, reference, state)

    async def close_pages(self, tenant: UUID, order: Order) -> bool:
        """Ends every open page to pay, and applies what became of it. False while a payment is under way on one."""
        states = [
            await self.end(tenant, payment.checkout_reference)
            for payment in order.payments
            if payment.status == "pending" and payment.checkout_reference
        ]
        return not any(isinstance(state, CheckoutOpen) for state in states)

    async def end(self, tenant: UUID, reference: str) -> CheckoutState:
        """Closes the provider's page of an order whose time is over, and applies what became of it."""
        state = await self._configured().expire(await self._account(tenant), reference)
        await self.apply(tenant, reference, state)
        return state

    async def apply(self, tenant: UUID, reference: str, state: CheckoutState) -> None:
        database = self._resources.database
        found = await database.read(tenant, lambda session: payment_of_checkout(session, tenant, reference))
        if found is None:
            # A checkout of another establishment under the same account.
            return
        if isinstance(state, CheckoutPaid):
            paid = state
            await database.write(
                tenant, lambda session: mark_paid(session, tenant, found.order_id, found.id, paid.provider_reference)
            )
            order = await self._checkout.read(tenant, found.order_id)
            payment = next(payment for payment in order.payments if payment.id == found.id)
            exact = (paid.amount_minor, paid.currency.upper()) == (payment.amount_minor, payment.currency)
            await self.honour(tenant, order, payment, exact=exact)
        elif isinstance(state, CheckoutExpired):
            await database.write(tenant, lambda session: mark_over(session, tenant, found.id))

    async def honour(self, tenant: UUID, order: Order, payment: Payment, *, exact: bool = True) -> None:
        """Gives the tickets that were paid for, late if need be, or sends the money back; once, however often told."""
        if payment.settled_at is not None:
            return
        principal = Principal(actor=CASHIER, establishment_id=tenant)
        if not exact or not await self._confirm_paid(principal, order, payment):
            log.warning("payment_returned", order=str(order.id), payment=str(payment.id), exact=exact)
            await self._send_back(tenant, order, payment)
        await self._resources.database.write(tenant, lambda session: mark_settled(session, tenant, payment.id))

    async def _confirm_paid(self, principal: Principal, order: Order, payment: Payment) -> bool:
        if _buyer(order.payments) != payment.id:
            return False
        if order.status == "confirmed":
            return True
        paid_for = msgspec.structs.replace(order, payment_method=payment.method)
        if order.status in ("held", "awaiting_payment"):
            try:
                await self._checkout.ticket(principal, paid_for)
            except OrderEnded:
                pass
            else:
                return True
        if order.status == "cancelled":
            return False
        try:
            return await self._checkout.sell_again(principal, paid_for, derived_id("late", payment.id))
        except Refused:
            return False

    async def _send_back(self, tenant: UUID, order: Order, payment: Payment) -> None:
        async def send_back(session: WriteSession) -> None:
            head = await lock_head(session, tenant)
            refund = NewRefund(
                id=derived_id("refund", payment.id, "no place"),
                order_id=order.id,
                payment_id=payment.id,
                amount_minor=payment.amount_minor,
                reason="The payment came when the places were no longer free.",
            )
            await start_refund(session, tenant, head, refund)

        if not payment.refunded_minor:
            await self._resources.database.write(tenant, send_back)

    async def _page(
        self, provider: PaymentProvider, tenant: UUID, payment: Payment, asked: ProviderCheckout
    ) -> tuple[str, str]:
        if payment.url:
            return payment.checkout_reference, payment.url
        try:
            started = await provider.start(asked)
        except PaymentRefused:
            # This call opened no page: the next attempt may. One that another call opened counts when it is paid.
            await self._resources.database.write(tenant, lambda session: mark_over(session, tenant, payment.id))
            raise
        return started.reference, started.url

    async def _account(self, tenant: UUID) -> str:
        return (await self._resources.establishments.get(tenant)).stripe_account

    def _configured(self) -> PaymentProvider:
        if self._provider is None:
            raise PaymentMethodRefused("This instance has no payment provider.")
        return self._provider

    def _return_url(self, establishment: Establishment, order: Order) -> str:
        token = order_token(self._resources.site.secret, establishment.id, order.id)
        path = f"/v1/establishments/{establishment.slug}/orders/{order.id}"
        return f"{self._resources.site.public_url}{path}?token={token}"


def _buyer(payments: Sequence[Payment]) -> UUID | None:
    """Of all that was paid for one order, the payment that buys: the first to come in, unless it went back whole.

    `paid_at` is taken under the lock of the ledger, so every process decides alike.
    """
    kept = [(one.paid_at, one.id) for one in payments if one.paid_at and one.refunded_minor < one.amount_minor]
    return min(kept)[1] if kept else None


def _provider_checkout(
    order: Order,
    payment: Payment,
    establishment: Establishment,
    catalogue: Catalogue,
    urls: tuple[str, str],
) -> ProviderCheckout:
    """`urls`: where the visitor comes back to after paying, and after changing their mind."""

    def name(line_offer: UUID, line_tariff: UUID) -> str:
        offer, tariff = catalogue.offers.get(line_offer), catalogue.tariffs.get(line_tariff)
        texts = [in_language(known.name, order.language) for known in (offer, tariff) if known]
        return " – ".join(texts) or establishment.slug

    return ProviderCheckout(
        payment_id=payment.id,
        order_id=order.id,
        establishment_id=establishment.id,
        account=establishment.stripe_account,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        lines=[
            CheckoutLine(name(line.offer_id, line.tariff_id), line.quantity, line.unit_price_minor)
            for line in order.lines
            if line.unit_price_minor
        ],
        success_url=urls[0],
        cancel_url=urls[1],
        customer_email=order.customer_email,
        language=order.language,
        asked_at=payment.created_at,
        expires_in_seconds=PAYMENT_SECONDS,
    )
