"""The two languages of staff pages. Phrases stand in English where they are used, their French here."""

from collections.abc import Callable
from typing import Final

LANGUAGES: Final = {"fr": "Français", "en": "English"}
DEFAULT_LANGUAGE: Final = "fr"

FRENCH: Final = {
    "Attendance": "Fréquentation",
    "Skip to the content": "Aller au contenu",
    "Language": "Langue",
    "Sign in": "Se connecter",
    "Sign out": "Se déconnecter",
    "Key of the establishment": "Clé de l’établissement",
    "It begins with pvs_ and needs the scope reports:read. It is used once, and not kept in this browser: the session "
    "lasts eight hours, or until the key is revoked.": "Elle commence par pvs_ et doit avoir le droit reports:read. "
    "Elle sert une fois et n’est pas gardée dans ce navigateur : la session dure huit heures, ou jusqu’à la révocation "
    "de la clé.",
    "This key is not valid: check that it was copied whole, and that it is neither expired nor revoked.": "Cette clé "
    "n’est pas valable : vérifiez qu’elle est copiée en entier, et qu’elle n’est ni expirée ni révoquée.",
    "This key may not read the attendance: it needs the scope reports:read.": "Cette clé ne permet pas de lire la "
    "fréquentation : il lui faut le droit reports:read.",
    "Too many wrong keys were tried from here. Please wait a minute.": "Trop de clés fausses ont été essayées d’ici. "
    "Attendez une minute.",
    "Your session is over. Please sign in again.": "Votre session est terminée. Reconnectez-vous.",
    "Error:": "Erreur :",
    "Day": "Jour",
    "Previous day": "Jour précédent",
    "Next day": "Jour suivant",
    "Today": "Aujourd’hui",
    "Refresh": "Actualiser",
    "Download as CSV": "Télécharger en CSV",
    "Live": "En direct",
    "Connection lost. Trying again…": "Connexion perdue. Nouvel essai…",
    "Not live: refresh the page.": "Pas en direct : actualisez la page.",
    "Admitted": "Entrées",
    "Expected": "Attendus",
    "of %(number)s expected": "sur %(number)s attendus",
    "Inside": "À l’intérieur",
    "at this moment": "en ce moment",
    "Refused": "Refus",
    "scans refused": "scans refusés",
    "Conflicts": "Conflits",
    "to look at": "à regarder",
    "of %(number)s at most": "sur %(number)s au plus",
    "full": "complet",
    "Arrivals": "Arrivées",
    "People per quarter of an hour": "Personnes par quart d’heure",
    "Arrivals per quarter of an hour: %(admitted)s admitted, %(expected)s expected. Busiest at %(time)s, with "
    "%(number)s.": "Arrivées par quart d’heure : %(admitted)s entrées, %(expected)s attendus. Le plus à %(time)s, avec "
    "%(number)s.",
    "The same as a table": "La même chose en tableau",
    "Quarter of an hour": "Quart d’heure",
    "Nobody is expected on this day, and nobody came.": "Personne n’est attendu ce jour, et personne n’est venu.",
    "By slot": "Par créneau",
    "Slot": "Créneau",
    "By gate": "Par entrée",
    "Gate": "Entrée",
    "Scanned in twice, or let in against the rules.": "Scannés deux fois, ou admis contre les règles.",
    "None.": "Aucun.",
    "Ticket %(number)s": "Billet %(number)s",
    "Unknown ticket": "Billet inconnu",
    "already admitted": "déjà admis",
    "already admitted at %(time)s": "déjà admis à %(time)s",
    "cancelled": "annulé",
    "wrong gate": "mauvaise entrée",
    "not paid": "non payé",
    "too early": "trop tôt",
    "too late": "trop tard",
    "full inside": "complet à l’intérieur",
    "forged": "faux",
    "unknown ticket": "billet inconnu",
    "of another establishment": "d’un autre établissement",
    "and %(number)s more, in the API": "et %(number)s autres, dans l’API",
}


def phrases(language: str) -> Callable[..., str]:
    """`_("…")` of a language; `values` fill `%(name)s`."""

    def phrase(english: str, **values: object) -> str:
        text = FRENCH.get(english, english) if language == "fr" else english
        return text % values if values else text

    return phrase
