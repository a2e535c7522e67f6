"""What pages work with."""

from collections.abc import Mapping

from litestar.types import ASGIApp

from gateway.settings import GatewaySettings
from gateway.shop.api import Api
from gateway.shop.storefront import Storefront
from services.kit.principal_token import Service
from services.ticketing.contract import Ticketing


class Shop:
    """`secret` is the instance's: for whatever a visitor must bring back unchanged. `payment_pages` are origins."""

    def __init__(
        self, settings: GatewaySettings, *, ticketing: Ticketing, upstreams: Mapping[Service, ASGIApp]
    ) -> None:
        self.api = Api(upstreams)
        self.storefront = Storefront(self.api)
        self.ticketing = ticketing
        self.public_url = settings.public_url
        self.secret = settings.secret
        self.payment_pages = settings.payment_pages
