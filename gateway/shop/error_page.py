"""What a visitor reads when something cannot be done."""

import msgspec

from gateway.errors import RefusedWithHeaders
from gateway.replies import Reply
from gateway.shop.rendering import Sent, page
from gateway.shop.visit import View
from services.kit.errors import Refused, Unavailable

NOT_FOUND, TOO_MANY = 404, 429


def error_page(view: View, error: Refused | Unavailable) -> Reply:
    title, advice = _words(view, error)
    headers: tuple[tuple[bytes, bytes], ...] = ()
    status = 503
    if isinstance(error, Unavailable):
        headers = ((b"retry-after", b"%d" % error.retry_after_seconds),)
    elif isinstance(error, RefusedWithHeaders):
        headers = error.headers
    if isinstance(error, Refused):
        status = error.status
    # Of an establishment that is not there nothing can be shown.
    inside = view.params.keys() > {"slug"}
    values = {"title": title, "advice": advice, "is_establishment": inside}
    reply = page("error.html", view, values, Sent(status=status, headers=headers))
    return msgspec.structs.replace(reply, headers=(*reply.headers, (b"vary", b"accept-language, accept")))


def _words(view: View, error: Refused | Unavailable) -> tuple[str, str]:
    _ = view.words.gettext
    if isinstance(error, Unavailable):
        return _("One moment, please"), _("The ticket office is very busy. Please try again in a few seconds.")
    if error.status == NOT_FOUND:
        return _("This page does not exist"), _("The address may be mistyped, or the visit may no longer be on sale.")
    if error.status == TOO_MANY:
        return _("Too many requests"), _("Please wait a minute, then try again.")
    return _("This is not possible"), _("Please go back and try again.")
