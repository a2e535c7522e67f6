"""What the hosted pages say, in French and English."""

from parvis.stand_in.stripe.cards import CardFailure

_FRENCH = {
    "language": "fr",
    "test_mode": "Paiement d’essai : aucun argent ne circule.",
    "title": "Paiement",
    "summary": "Votre commande",
    "quantity": "Quantité",
    "total": "Total à payer",
    "email": "Adresse électronique",
    "card": "Carte d’essai",
    "card_number": "Numéro de carte",
    "card_hint": "Ce service n’accepte que les cartes d’essai ci-dessous. N’entrez jamais une vraie carte.",
    "samples": "Choisir une carte d’essai",
    "pay": "Payer",
    "back": "Revenir sans payer",
    "declined_title": "Le paiement n’a pas abouti",
    "authentication_title": "Confirmation 3-D Secure",
    "authentication_text": "Votre banque d’essai vous demande de confirmer ce paiement.",
    "authorise": "Autoriser",
    "refuse": "Refuser",
    "complete_title": "Ce paiement est déjà fait",
    "complete_text": "Rien ne vous sera demandé une seconde fois.",
    "continue": "Continuer",
    "expired_title": "Cette page de paiement a expiré",
    "expired_text": "Vous n’avez rien payé. Revenez au site pour recommencer.",
    "unknown_title": "Page de paiement inconnue",
    "unknown_text": "Cette adresse ne mène à aucun paiement.",
    "4242424242424242": "accepte le paiement",
    "4000000000000002": "refuse le paiement",
    "4000000000009995": "n’a pas assez de provision",
    "4000002760003184": "demande une confirmation 3-D Secure",
}
_ENGLISH = {
    "language": "en",
    "test_mode": "Test payment: no money moves.",
    "title": "Payment",
    "summary": "Your order",
    "quantity": "Quantity",
    "total": "Total to pay",
    "email": "Email address",
    "card": "Test card",
    "card_number": "Card number",
    "card_hint": "This service takes only the test cards listed below. Never type a real card.",
    "samples": "Choose a test card",
    "pay": "Pay",
    "back": "Go back without paying",
    "declined_title": "The payment did not go through",
    "authentication_title": "3-D Secure confirmation",
    "authentication_text": "Your test bank asks you to confirm this payment.",
    "authorise": "Authorise",
    "refuse": "Refuse",
    "complete_title": "This payment is already made",
    "complete_text": "You will not be asked to pay again.",
    "continue": "Continue",
    "expired_title": "This payment page has expired",
    "expired_text": "You have paid nothing. Go back to the site to start again.",
    "unknown_title": "Unknown payment page",
    "unknown_text": "This address leads to no payment.",
    "4242424242424242": "accepts the payment",
    "4000000000000002": "declines the payment",
    "4000000000009995": "has insufficient funds",
    "4000002760003184": "asks for a 3-D Secure confirmation",
}
TEXTS = {"fr": _FRENCH, "en": _ENGLISH}
LISTED_CARDS = ("4242424242424242", "4000000000000002", "4000000000009995", "4000002760003184")

_FRENCH_FAILURES = {
    "generic_decline": "Votre carte a été refusée. Vous pouvez essayer une autre carte.",
    "insufficient_funds": "Le solde de votre carte est insuffisant. Vous pouvez essayer une autre carte.",
    "live_mode_test_card": "Cette carte n’est pas une carte d’essai. Choisissez une carte de la liste.",
    "incorrect_number": "Ce numéro de carte n’est pas valable. Vérifiez-le ou choisissez une carte de la liste.",
    "payment_intent_authentication_failure": "Le paiement n’a pas été confirmé. Vous pouvez réessayer.",
}
_ENGLISH_FAILURES = {
    "generic_decline": "Your card was declined. You can try another card.",
    "insufficient_funds": "Your card has insufficient funds. You can try another card.",
    "live_mode_test_card": "This is not a test card. Choose a card from the list.",
    "incorrect_number": "This card number is not valid. Check it or choose a card from the list.",
    "payment_intent_authentication_failure": "The payment was not confirmed. You can try again.",
}
_FAILURES = {"fr": _FRENCH_FAILURES, "en": _ENGLISH_FAILURES}


def failure_text(failure: CardFailure, language: str) -> str:
    return _FAILURES[language].get(failure.decline_code or failure.code, failure.message)


def choose_language(locale: str | None, accept_language: str) -> str:
    """The session's own language first; `auto`, or none, leaves it to the browser."""
    wished = accept_language if locale in (None, "auto") else str(locale)
    return "fr" if wished.lower().startswith("fr") else "en"
