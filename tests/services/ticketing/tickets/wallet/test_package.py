import hashlib
import json
import subprocess
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest

from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.wallet.certificate import NewWalletCertificate, check_certificate
from services.ticketing.tickets.wallet.package import WalletSigner, pass_package
from tests.certificates import authority, pem, wallet_certificate


@pytest.fixture
def signer() -> WalletSigner:
    sent = msgspec.convert(wallet_certificate(), NewWalletCertificate)
    return WalletSigner(
        certificate_pem=sent.certificate_pem,
        intermediate_pem=sent.intermediate_pem,
        private_key=check_certificate(sent, datetime.now(UTC)).private_key,
        pass_type_id=sent.pass_type_id,
        team_id=sent.team_id,
    )


def files(package: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(package)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_openssl_believes_the_signature_and_no_changed_list(document: TicketDocument, signer: WalletSigner, tmp_path):
    found = files(pass_package({"fr": document}, signer))
    (tmp_path / "ca.pem").write_text(pem(authority()))
    (tmp_path / "signature").write_bytes(found["signature"])
    believed = []
    for manifest in (found["manifest.json"], found["manifest.json"] + b" "):
        (tmp_path / "manifest.json").write_bytes(manifest)
        believed.append(verified(tmp_path))
    assert believed == [True, False]


def verified(folder: Path) -> bool:
    command = (
        "openssl smime -verify -binary -inform DER -in signature -content manifest.json -CAfile ca.pem -purpose any"
    )
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, check=False)  # noqa: S603 - openssl itself
    return done.returncode == 0 and b"Verification successful" in done.stderr


def test_the_list_names_every_file_with_its_hash(document: TicketDocument, signer: WalletSigner):
    found = files(pass_package({"fr": document}, signer))
    listed = json.loads(found["manifest.json"])
    assert listed == {
        name: hashlib.sha1(content).hexdigest()  # noqa: S324 - Apple's format
        for name, content in found.items()
        if name not in {"manifest.json", "signature"}
    }
    assert {"icon.png", "icon@2x.png", "icon@3x.png", "pass.json", "fr.lproj/pass.strings"} == listed.keys()


def test_the_pass_holds_the_code_the_time_and_who_signs(document: TicketDocument, signer: WalletSigner):
    content = json.loads(files(pass_package({"fr": document}, signer))["pass.json"])
    assert content["barcodes"][0]["message"] == document.code
    assert content["relevantDate"] == "2027-05-01T10:30:00+02:00"
    assert content["expirationDate"] == "2027-05-01T11:30:00+02:00"
    assert content["serialNumber"] == str(document.ticket_id)
    assert (content["passTypeIdentifier"], content["teamIdentifier"]) == (signer.pass_type_id, signer.team_id)
    assert not {"webServiceURL", "authenticationToken"} & content.keys()


def test_every_field_has_words_in_every_language(document: TicketDocument, signer: WalletSigner):
    english = msgspec.structs.replace(document, offer_name='The "Northern" \\ Lights\nhere', language="en")
    found = files(pass_package({"fr": document, "en": english}, signer))
    content = json.loads(found["pass.json"])
    used = {content["description"], content["logoText"]}
    for fields in content["eventTicket"].values():
        used |= {field["label"] for field in fields} | {field["value"] for field in fields if field["key"] != "when"}
    for language in ("fr", "en"):
        lines = found[f"{language}.lproj/pass.strings"].decode().splitlines()
        assert used <= {line.split('"')[1] for line in lines}
    assert '"offer_value" = "Lumières du Nord";' in found["fr.lproj/pass.strings"].decode()
    assert r'"offer_value" = "The \"Northern\" \\ Lights here";' in found["en.lproj/pass.strings"].decode()


def test_the_icons_are_pictures_of_their_size(document: TicketDocument, signer: WalletSigner):
    found = files(pass_package({"fr": document}, signer))
    sizes = [int.from_bytes(found[f"icon{suffix}.png"][16:20]) for suffix in ("", "@2x", "@3x")]
    assert sizes == [29, 58, 87]
