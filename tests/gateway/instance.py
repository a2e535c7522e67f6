"""The house as an application that a server can load by name."""

from tests.gateway.house import House

gateway = House().gateway
