"""What others wrote stays text: in headers, in HTML, in plain text."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import getaddresses
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ticketing.messages.letters.composing import Attachment, Heads, compose
from services.ticketing.messages.letters.rendering import Stationery
from services.ticketing.messages.letters.wording import WORDS, Words
from services.ticketing.messages.letters.writing import Letter, Link, VisitLine
from services.ticketing.messages.mailers.mailer import MailRefused

STATIONERY = Stationery()
HEADS = Heads(
    id="0b7e",
    date=datetime(2026, 12, 1, 9, 0, tzinfo=UTC),
    sender="tickets@parvis.example",
    recipient="ada@example.org",
    reply_to="contact@musee.example",
)
LETTER = Letter(
    language="fr",
    subject="Vos billets",
    establishment="Musée",
    accent="#1d3557",
    heading="Votre visite est confirmée",
    greeting="Bonjour Ada,",
    paragraphs=["Vos billets sont joints."],
    visits=[VisitLine("samedi 5 décembre 2026 à 10 h", "Visite", "Palais, Paris", ["2 × Plein tarif"])],
    action=Link("Voir ma commande", "https://tickets.example/musee/orders/1?access_token=pvo_1&lang=fr"),
    footer=["Commande ABC"],
    stop=Link("Ne plus recevoir de rappels", "https://tickets.example/stop"),
)
EVIL = "<script>alert(1)</script>\r\nBcc: mallory@example.net\r\n\r\n{{ 7 * 7 }}"
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Content-Language", "Auto-Submitted", "X-Auto-Response-Suppress"),
    *("Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"),
}
names = st.text(max_size=120) | st.sampled_from(["Musée, Exemple", '"; x@y.z, "', "a\r\nBcc: b@c.d", "<m@x.y>", EVIL])


class Tags(HTMLParser):
    """Names of the elements, and where links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


def sent(letter: Letter, heads: Heads = HEADS) -> EmailMessage:
    """As the mailbox reads it."""
    mail = compose(letter, heads, [Attachment("a.ics", "calendar", b"BEGIN:VCALENDAR")], STATIONERY)
    message = message_from_bytes(mail.content.as_bytes(policy=SMTP), policy=default)
    assert isinstance(message, EmailMessage)
    return message


@given(names, names)
def test_names_and_subjects_write_no_headers(name: str, subject: str):
    mail = sent(replace(LETTER, establishment=name, subject=subject))
    assert set(mail.keys()) == HEADERS
    assert [address for _, address in getaddresses([str(mail["From"])])] == ["tickets@parvis.example"]
    assert mail["From"].addresses[0].addr_spec == "tickets@parvis.example"
    assert mail["To"] == "ada@example.org"


@given(st.text(max_size=60) | st.from_regex(r"[^@\s]+@[^@\s]+\.[^@\s]+", fullmatch=True))
def test_address_is_one_address_or_refused(recipient: str):
    try:
        mail = sent(LETTER, replace_recipient(recipient))
    except MailRefused:
        return
    assert len(mail["To"].addresses) == 1
    assert set(mail.keys()) == HEADERS


def replace_recipient(recipient: str) -> Heads:
    return replace(HEADS, recipient=recipient)


@pytest.mark.parametrize("reply_to", ["", "nobody", "a@b\r\nBcc: c@d.e"])
def test_contact_that_is_no_address_is_left_out(reply_to: str):
    assert "Reply-To" not in sent(LETTER, replace(HEADS, reply_to=reply_to))


def test_text_of_others_is_escaped_in_html_and_one_line_in_text():
    fields = dict.fromkeys(("subject", "establishment", "heading", "greeting"), EVIL)
    letter = replace(
        LETTER,
        **fields,
        paragraphs=[EVIL],
        notes=[EVIL],
        footer=[EVIL],
        visits=[VisitLine(EVIL, EVIL, EVIL, [EVIL])],
    )
    mail = sent(letter)
    html, text = (mail.get_body((kind,)).get_content() for kind in ("html", "plain"))
    tags = Tags(html)
    assert "script" not in tags.names
    assert tags.links == [LETTER.action.url, LETTER.stop.url]
    assert "{{ 7 * 7 }}" in text
    assert not [line for line in text.splitlines() if line.startswith("Bcc")]


def test_html_is_a_page_of_its_language_with_one_heading():
    html = sent(LETTER).get_body(("html",)).get_content()
    assert '<html lang="fr"' in html
    assert html.count("<h1") == 1
    assert "{%" not in html
    assert "{{" not in html
    # No picture and no third party: nothing tells anybody that it was read.
    assert {"img", "script", "link", "iframe"} & Tags(html).names == set()


def test_domain_is_written_as_name_servers_know_it():
    assert sent(LETTER, replace_recipient("ada@musée.example"))["To"] == "ada@xn--muse-dpa.example"


@pytest.mark.parametrize("language", WORDS)
def test_every_language_has_the_same_gaps_to_fill(language: str):
    for field in Words.__struct_fields__:
        assert gaps(getattr(WORDS[language], field)) == gaps(getattr(WORDS["en"], field)), field


def gaps(sentence: str) -> set[str]:
    return {part.partition("}")[0] for part in sentence.split("{")[1:]}
