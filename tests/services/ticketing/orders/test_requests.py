import msgspec
import pytest

from services.kit.bodies import read_body
from services.kit.errors import Invalid
from services.ticketing.orders.requests import Customer


def named(name: str) -> Customer:
    body = msgspec.json.encode({"name": name, "email": "ada@example.org"})
    read: Customer = read_body(body, Customer)
    return read


@pytest.mark.parametrize(
    "name",
    [
        "https://evil.example/win",
        "You won! www.evil",
        "Click evil.com/now",
        "EVIL.COM",
        "Ada, see evil.co.uk",
        "Ada\nLovelace",
    ],
)
def test_a_name_that_a_mail_program_makes_a_link_of_is_refused(name: str):
    with pytest.raises(Invalid) as refused:
        named(name)
    (error,) = refused.value.errors
    assert (error.pointer, error.detail) == ("#/name", "This must be a name: no web address, no line breaks.")


def test_a_blank_name_is_refused():
    with pytest.raises(Invalid):
        named("   ")


@pytest.mark.parametrize(
    "name",
    [
        "J.R.R. Tolkien",
        "Mr.Smith",
        "St.Pierre",
        "Dr.med. Müller",
        "Dipl.-Ing. Weiß",
        "O'Neill-García, Zoë",
        "Classe de CM2 (Mme N.)",
        "李小龙",
        "Lycée n.1",
    ],
)
def test_names_of_people_and_classes_are_taken(name: str):
    assert named(name).name == name
