"""A ticket as a signed pass for a phone's wallet (.pkpass, Apple's "PassKit Package Format"). Pure.

A pass says nothing to anybody: no web service is named in it, so no phone tells us or Apple when it is opened, and a
changed ticket does not change in the wallet. It is made anew instead.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from services.kit.pictures import framed_png
from services.ticketing.tickets.code import grouped
from services.ticketing.tickets.documents import colour, formats
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.labels import LABELS
from services.ticketing.tickets.wallet import rsa

MEDIA_TYPE: Final = "application/vnd.apple.pkpass"
# Points, at one, two and three pixels each.
ICON_POINTS: Final = 29
SCALES: Final = {"": 1, "@2x": 2, "@3x": 3}


class WalletSigner(msgspec.Struct, frozen=True):
    """What signs the passes of an establishment; `private_key` is PKCS#8 in DER. It lives for one answer only."""

    certificate_pem: str
    intermediate_pem: str
    private_key: bytes
    pass_type_id: str
    team_id: str


def pass_package(documents: Mapping[str, TicketDocument], signer: WalletSigner) -> bytes:
    """One ticket, worded in each language of `documents`, the first of which is for phones in any other.

    Some 2 ms with an RSA key of 2048 bits.
    """
    document = next(iter(documents.values()))
    files = {"pass.json": msgspec.json.encode(_content(document, signer)), **_icons(document)}
    for language, worded in documents.items():
        files[f"{language}.lproj/pass.strings"] = _strings(_texts(worded, language))
    manifest = msgspec.json.encode({name: _sha1(content) for name, content in files.items()})
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as package:
        for name, content in (*files.items(), ("manifest.json", manifest), ("signature", sign(manifest, signer))):
            package.writestr(name, content)
    return buffer.getvalue()


def sign(manifest: bytes, signer: WalletSigner) -> bytes:
    """A detached PKCS#7 signature in DER, with the time of signing."""
    certificate = x509.load_pem_x509_certificate(signer.certificate_pem.encode())
    return (
        PKCS7SignatureBuilder()
        .set_data(manifest)
        .add_signer(certificate, rsa.from_store(signer.private_key), hashes.SHA256())
        .add_certificate(x509.load_pem_x509_certificate(signer.intermediate_pem.encode()))
        .sign(serialization.Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])
    )


def _content(document: TicketDocument, signer: WalletSigner) -> dict[str, object]:
    """Names of fields stand for their texts, which each language has in its `pass.strings`."""
    starts_at = _local(document.starts_at, document)
    when = _when(starts_at, timed=document.timed)
    back = ["order", "number", "typed", "operator", "conditions"]
    back += [name for name, text in (("address", document.venue_address), ("proof", document.proof)) if text]
    return {
        "formatVersion": 1,
        "passTypeIdentifier": signer.pass_type_id,
        "teamIdentifier": signer.team_id,
        "serialNumber": str(document.ticket_id),
        "organizationName": document.establishment_name,
        "description": "ticket",
        "logoText": "establishment",
        "groupingIdentifier": document.order_reference,
        "backgroundColor": _rgb(colour.ink(document.accent_colour)),
        "foregroundColor": "rgb(255, 255, 255)",
        "labelColor": "rgb(255, 255, 255)",
        "relevantDate": starts_at.isoformat(),
        "expirationDate": _local(document.ends_at, document).isoformat(),
        "barcodes": [
            {
                "format": "PKBarcodeFormatQR",
                "message": document.code,
                "messageEncoding": "iso-8859-1",
                "altText": grouped(document.short_code),
            }
        ],
        "eventTicket": {
            "primaryFields": [_field("offer")],
            "secondaryFields": [when],
            "auxiliaryFields": [_field("venue"), _field("tariff"), _field("price")],
            "backFields": [_field(name) for name in back],
        },
    }


def _field(name: str) -> dict[str, object]:
    return {"key": name, "label": f"{name}_label", "value": f"{name}_value"}


def _when(starts_at: datetime, *, timed: bool) -> dict[str, object]:
    """Written by the phone, in its language, on the clock of the venue."""
    return {
        "key": "when",
        "label": "when_label",
        "value": starts_at.isoformat(),
        "dateStyle": "PKDateStyleFull",
        "timeStyle": "PKDateStyleShort" if timed else "PKDateStyleNone",
        "ignoresTimeZone": True,
    }


def _texts(document: TicketDocument, language: str) -> dict[str, str]:
    labels = LABELS[language]
    price = formats.money(document.price_minor, document.currency, language) if document.price_minor else labels.free
    return {
        "ticket": labels.ticket,
        "establishment": document.establishment_name,
        "offer_label": labels.ticket,
        "offer_value": document.offer_name,
        "when_label": labels.session,
        "venue_label": labels.venue,
        "venue_value": document.venue_name,
        "tariff_label": labels.tariff,
        "tariff_value": document.tariff_name,
        "price_label": labels.price,
        "price_value": price,
        "order_label": labels.order,
        "order_value": grouped(document.order_reference),
        "number_label": labels.number,
        "number_value": str(document.number),
        "typed_label": labels.typed,
        "typed_value": grouped(document.short_code),
        "address_label": labels.venue,
        "address_value": document.venue_address,
        "proof_label": labels.proof,
        "proof_value": document.proof,
        "operator_label": labels.operator,
        "operator_value": document.operator_name,
        "conditions_label": labels.ticket,
        "conditions_value": labels.conditions,
    }


def _strings(texts: Mapping[str, str]) -> bytes:
    return "".join(f'"{name}" = "{_quoted(text)}";\n' for name, text in texts.items()).encode()


def _quoted(text: str) -> str:
    """Whatever it holds, it stays within its quotes."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def _icons(document: TicketDocument) -> dict[str, bytes]:
    accent = colour.ink(document.accent_colour)
    return {
        f"icon{suffix}.png": framed_png(ICON_POINTS * scale, ICON_POINTS * scale, accent, 4 * scale)
        for suffix, scale in SCALES.items()
    }


def _local(moment: datetime, document: TicketDocument) -> datetime:
    return moment.astimezone(ZoneInfo(document.timezone))


def _rgb(colour_hex: str) -> str:
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour_hex.removeprefix("#")))


def _sha1(content: bytes) -> str:
    # Apple's format wants SHA-1 here; what protects the pass is the signature over the list, with SHA-256.
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
