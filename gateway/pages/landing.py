"""The first page of an instance."""

from gateway.pages.rendering import page
from gateway.replies import Reply
from services.kit.texts import in_language
from services.ticketing.contract import EstablishmentCard

LANGUAGES = ("fr", "en")
HEADERS = ((b"vary", b"accept-language"), (b"cache-control", b"public, max-age=10"))
WORDS = {
    "fr": {
        "title": "Parvis, la billetterie des lieux de culture",
        "lead": "Cette instance vend les billets horodatés des établissements suivants.",
        "establishments": "Établissements",
        "none": "Aucun établissement n’est encore ouvert ici.",
        "unknown": "La liste des établissements n’est pas disponible pour le moment.",
        "developers": "Pour les développeurs",
        "reference": "Référence de l’API (en anglais)",
        "document": "Document OpenAPI",
    },
    "en": {
        "title": "Parvis, tickets for places of culture",
        "lead": "This instance sells the timed tickets of the establishments below.",
        "establishments": "Establishments",
        "none": "No establishment is open here yet.",
        "unknown": "The list of establishments is not available at the moment.",
        "developers": "For developers",
        "reference": "API reference",
        "document": "OpenAPI document",
    },
}


def language_of(accept_language: str) -> str:
    """French or English, whichever the reader likes better; French when both are the same to them."""
    liking = dict.fromkeys(LANGUAGES, 0.0)
    for choice in accept_language.lower().split(","):
        tag, _, parameters = choice.strip().partition(";")
        language = tag.strip().partition("-")[0]
        for known in LANGUAGES:
            if language in {known, "*"}:
                liking[known] = max(liking[known], _quality(parameters) - (0.0001 if language == "*" else 0))
    return max(LANGUAGES, key=liking.__getitem__)


def landing_page(cards: list[EstablishmentCard] | None, language: str) -> Reply:
    """`cards` is None when ticketing could not say."""
    listed = [
        (card.slug, in_language(card.name, language), language if language in card.name else next(iter(card.name), ""))
        for card in cards or []
    ]
    values = {"words": WORDS[language], "establishments": listed, "is_known": cards is not None}
    return page("landing.html", values, HEADERS, language=language)


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
