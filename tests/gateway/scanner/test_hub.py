"""The phone and the hub sign alike."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parvis.gate_hub.signing import answer, base64url, from_base64url, question
from tests.gateway.scanner.node import run

PATH = "/v1/establishments/musee/scans?day=1%20é"
BODY = '{"code": "Musée"}'


def test_phone_signs_what_the_hub_verifies_and_believes_what_the_hub_signed():
    phone, hub, stranger = (Ed25519PrivateKey.generate() for _ in range(3))
    asked = phone.sign(question("POST", PATH, BODY.encode()))
    jwk = {"kty": "OKP", "crv": "Ed25519", "d": raw(phone), "x": public(phone)}

    def said(status: int, body: str, by: Ed25519PrivateKey = hub, to: bytes = asked) -> dict[str, object]:
        signature = base64url(by.sign(answer(to, status, body.encode())))
        return {"status": status, "body": body, "device": "hub-1", "signature": signature}

    good = said(200, '{"outcome": "admitted"}')
    answers = [
        good,
        good | {"body": '{"outcome": "refused"}'},
        good | {"status": 201},
        good | {"device": "hub-2"},
        good | {"signature": ""},
        good | {"signature": "*"},
        said(200, good["body"], by=stranger),
        said(200, good["body"], to=asked[::-1]),
    ]
    told = run(
        "hub.mjs",
        {
            "key": jwk,
            "path": PATH,
            "body": BODY,
            "asked": base64url(asked),
            "hub_key": public(hub),
            "answers": answers,
            "addresses": [
                "https://tickets.example/scanner#hub=https://192.168.1.10:8443",
                "192.168.1.10",
                " hub.museum.example:9000 ",
                "http://192.168.1.10:8443",
                "http://127.0.0.1:8443",
                "javascript:alert(1)",
                "",
            ],
        },
    )
    assert told["headers"]["parvis-device"] == "device-1"
    assert from_base64url(told["headers"]["parvis-signature"]) == asked
    assert told["judged"] == [True] + [False] * 7
    assert told["addresses"] == [
        "https://192.168.1.10:8443",
        "https://192.168.1.10:8443",
        "https://hub.museum.example:9000",
        None,
        "http://127.0.0.1:8443",
        None,
        None,
    ]


def raw(key: Ed25519PrivateKey) -> str:
    return base64url(key.private_bytes_raw())


def public(key: Ed25519PrivateKey) -> str:
    return base64url(key.public_key().public_bytes_raw())
