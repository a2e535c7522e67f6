"""Who may do what: one line per operation of the API. A new operation gets its line here or the suite fails.

Actors: a `visitor` shows nothing; `own order` and `other order` are access tokens of orders of this establishment;
`device` is a paired scanner; the others are API keys with that one scope. Whoever is not named is refused: 401
without a credential, 403 with one, 404 where even the existence is private. Wrong credentials get 401 everywhere,
also where a visitor would be let in; credentials of another establishment get 404.
"""

E = "/v1/establishments/{establishment}"
OFFER = f"{E}/offers/{{offer_id}}"
ORDER = f"{E}/orders/{{order_id}}"

VISITOR = "visitor"
OPERATOR = "operator"
ADMIN = "admin"
DEVICE = "device"
OWN, OTHER = "own order", "other order"
KEYS = ("admin", "catalog:write", "orders:read", "orders:write", "entry:scan", "entry:search", "reports:read")
ACTORS = (VISITOR, OPERATOR, *KEYS, DEVICE, OWN, OTHER)

EVERYBODY = frozenset(ACTORS)
CATALOGUE = frozenset({ADMIN, "catalog:write"})
READS_ORDERS = frozenset({ADMIN, "orders:read"})
WRITES_ORDERS = frozenset({ADMIN, "orders:write"})
SCANS = frozenset({ADMIN, "entry:scan", DEVICE})
FINDS_VISITORS = frozenset({ADMIN, "orders:read", "entry:search"})
REPORTS = frozenset({ADMIN, "reports:read"})
ADMINS = frozenset({ADMIN})
OPERATORS = frozenset({OPERATOR})

WHO_MAY = {
    "POST /v1/establishments": OPERATORS,
    f"GET {E}": EVERYBODY,
    f"PATCH {E}": ADMINS,
    f"GET {E}/presentation": EVERYBODY,
    f"PATCH {E}/presentation": ADMINS,
    f"GET {E}/api-keys": ADMINS,
    f"POST {E}/api-keys": ADMINS,
    f"DELETE {E}/api-keys/{{key_id}}": ADMINS,
    f"GET {E}/venues": EVERYBODY,
    f"POST {E}/venues": CATALOGUE,
    f"GET {E}/venues/{{venue_id}}": EVERYBODY,
    f"PATCH {E}/venues/{{venue_id}}": CATALOGUE,
    f"GET {E}/gauges": CATALOGUE,
    f"POST {E}/gauges": CATALOGUE,
    f"GET {E}/gauges/{{gauge_id}}": CATALOGUE,
    f"PATCH {E}/gauges/{{gauge_id}}": CATALOGUE,
    f"GET {E}/offers": EVERYBODY,
    f"POST {E}/offers": CATALOGUE,
    f"GET {OFFER}": EVERYBODY,
    f"PATCH {OFFER}": CATALOGUE,
    f"GET {OFFER}/tariffs": EVERYBODY,
    f"POST {OFFER}/tariffs": CATALOGUE,
    f"GET {OFFER}/tariffs/{{tariff_id}}": EVERYBODY,
    f"PATCH {OFFER}/tariffs/{{tariff_id}}": CATALOGUE,
    f"GET {OFFER}/calendars": CATALOGUE,
    f"POST {OFFER}/calendars": CATALOGUE,
    f"GET {OFFER}/calendars/{{calendar_id}}": CATALOGUE,
    f"PATCH {OFFER}/calendars/{{calendar_id}}": CATALOGUE,
    f"DELETE {OFFER}/calendars/{{calendar_id}}": CATALOGUE,
    f"GET {OFFER}/availability": EVERYBODY,
    f"GET {E}/closures": CATALOGUE,
    f"POST {E}/closures": CATALOGUE,
    f"GET {E}/closures/{{closure_id}}": CATALOGUE,
    f"DELETE {E}/closures/{{closure_id}}": CATALOGUE,
    f"GET {E}/orders": READS_ORDERS,
    f"POST {E}/orders": EVERYBODY,
    f"GET {ORDER}": READS_ORDERS | {OWN},
    f"PATCH {ORDER}": WRITES_ORDERS | {OWN},
    f"POST {ORDER}/extension": WRITES_ORDERS | {OWN},
    f"POST {ORDER}/confirmation": WRITES_ORDERS | {OWN},
    f"POST {ORDER}/cancellation": WRITES_ORDERS | {OWN},
    f"POST {ORDER}/exchange": WRITES_ORDERS | {OWN},
    f"POST {ORDER}/payments": WRITES_ORDERS,
    f"POST {ORDER}/refunds": WRITES_ORDERS,
    f"GET {ORDER}/tickets.pdf": READS_ORDERS | {OWN},
    f"POST {ORDER}/messages": WRITES_ORDERS | {OWN},
    f"GET {E}/messages": READS_ORDERS,
    f"POST {E}/messages/{{message_id}}/resend": WRITES_ORDERS,
    # Whoever has the link of a reminder: the link is the right.
    f"GET {E}/reminder-refusals/{{token}}": EVERYBODY,
    f"POST {E}/reminder-refusals/{{token}}": EVERYBODY,
    f"GET {E}/tickets/{{ticket_id}}": READS_ORDERS | {OWN},
    f"GET {E}/tickets/{{ticket_id}}/google-wallet": READS_ORDERS | {OWN},
    f"GET {E}/waiting-list": READS_ORDERS,
    f"POST {E}/waiting-list": EVERYBODY,
    # Or whoever has the token of the entry (tests/services/ticketing/waiting/test_desk.py).
    f"GET {E}/waiting-list/{{entry_id}}": READS_ORDERS,
    f"DELETE {E}/waiting-list/{{entry_id}}": WRITES_ORDERS,
    f"GET {E}/signing-keys": EVERYBODY,
    f"POST {E}/signing-keys": ADMINS,
    f"GET {E}/wallet-certificate": ADMINS,
    f"POST {E}/wallet-certificate": ADMINS,
    f"DELETE {E}/wallet-certificate": ADMINS,
    f"GET {E}/google-wallet": ADMINS,
    f"POST {E}/google-wallet": ADMINS,
    f"DELETE {E}/google-wallet": ADMINS,
    f"POST {E}/scans": SCANS,
    f"POST {E}/scans/batch": SCANS,
    f"POST {E}/scans/{{scan_id}}/undo": SCANS,
    f"GET {E}/scans/conflicts": SCANS | REPORTS,
    f"GET {E}/devices": ADMINS,
    f"POST {E}/devices": ADMINS,
    f"POST {E}/devices/{{device_id}}/pairing": ADMINS,
    f"DELETE {E}/devices/{{device_id}}": ADMINS,
    f"PUT {E}/devices/self/status": frozenset({DEVICE}),
    # Whoever has the code: it works once.
    "POST /v1/devices/pairing": EVERYBODY,
    f"GET {E}/entry-pass": SCANS,
    # Scanners too whose admin allowed it (tests/services/ticketing/entry/search).
    f"GET {E}/entry/search": FINDS_VISITORS,
    f"GET {E}/attendance": REPORTS,
    f"GET {E}/attendance/stream": REPORTS,
    f"GET {E}/attendance.csv": REPORTS,
    f"GET {E}/events": ADMINS,
    # Everybody may knock; what counts is the provider's signature (test_an_unsigned_notification_is_refused).
    "POST /v1/payments/stripe/{establishment}/webhook": EVERYBODY,
}

# Where the order, not a scope, decides: another order's token must not even learn that this one exists.
REACHED_BY_TOKEN = frozenset(name for name, actors in WHO_MAY.items() if OWN in actors and OTHER not in actors)


def expected_status(operation: str, actor: str, success: int) -> int:
    if actor in WHO_MAY[operation]:
        return success
    if actor == VISITOR:
        return 401
    if actor in (OWN, OTHER) and operation in REACHED_BY_TOKEN:
        return 404
    return 403
