"""Three invented establishments, as an establishment's own staff would configure them through the API."""

from datetime import date, timedelta
from typing import Any

from parvis.demo.presentations import CASTLE, MUSEUM, THEATRE

DAYS = 62
EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]


def establishments(today: date) -> list[dict[str, Any]]:
    """`calendars` begin today and end two months later. JSON bodies, hence the loose type."""
    return [_museum(today), _castle(today), _theatre(today)]


def _museum(today: date) -> dict[str, Any]:
    return {
        "profile": _profile("musee-des-horizons", "Musée des Horizons", "Museum of Horizons", "#1d4e89"),
        "presentation": MUSEUM,
        "venue": {
            "name": {"fr": "Musée des Horizons", "en": "Museum of Horizons"},
            "address": "1 place de l’Exemple, 00000 Valombre",
            "timezone": "Europe/Paris",
            "gates": ["Entrée principale", "Entrée du jardin"],
        },
        # Counted at the gates: who goes out makes room.
        "gauges": [
            {"name": {"fr": "Visiteurs dans les salles", "en": "Visitors inside"}, "capacity": 600, "per": "inside"}
        ],
        "offers": [
            {
                "offer": {
                    "name": {"fr": "Lumières du Nord, exposition", "en": "Northern Lights, exhibition"},
                    "description": {
                        "fr": "Cent tableaux venus de douze musées du Nord, de l’aube d’hiver à la nuit blanche. "
                        "Une entrée toutes les demi-heures ; comptez une heure et demie de visite.",
                        "en": "A hundred paintings from twelve northern museums, from winter dawn to white nights. "
                        "An entry every half hour; allow an hour and a half.",
                    },
                    "kind": "timed",
                    "sales": {"late_entry_minutes": 20},
                    "published": True,
                },
                "tariffs": [
                    _tariff(("Plein tarif", "Full price"), 1500, 1000),
                    _tariff(
                        ("Tarif réduit", "Reduced"),
                        1100,
                        1000,
                        proof=("Carte d’étudiant ou de chômeur", "Student card or proof of unemployment"),
                    ),
                    _tariff(
                        ("Moins de 26 ans", "Under 26"),
                        0,
                        1000,
                        max_age=25,
                        proof=("Pièce d’identité", "Identity document"),
                    ),
                ],
                "calendar": _calendar(today, ("09:00", "17:30"), every=30, duration=90, capacity=40),
            },
            _day_ticket(today),
        ],
    }


def _day_ticket(today: date) -> dict[str, Any]:
    return {
        "offer": {
            "name": {"fr": "Collections et jardin, billet du jour", "en": "Collections and garden, day ticket"},
            "description": {
                "fr": "Toutes les salles permanentes et le jardin de sculptures. Venez quand il vous plaît.",
                "en": "All permanent rooms and the sculpture garden. Come at any hour you like.",
            },
            "kind": "open",
            "entry": {"re_entry": True},
            "published": True,
        },
        "tariffs": [
            _tariff(("Plein tarif", "Full price"), 900, 1000),
            _tariff(("Moins de 18 ans", "Under 18"), 0, 1000, max_age=17),
        ],
        "calendar": _calendar(today, ("00:00", "00:00"), every=1440, duration=1439, capacity=2000),
    }


def _castle(today: date) -> dict[str, Any]:
    return {
        "profile": _profile("chateau-de-valombre", "Château de Valombre", "Valombre Castle", "#6b2737"),
        "presentation": CASTLE,
        "venue": {
            "name": {"fr": "Château de Valombre", "en": "Valombre Castle"},
            "address": "Route du Donjon, 00000 Valombre",
            "timezone": "Europe/Paris",
            "gates": ["Pont-levis"],
        },
        "gauges": [
            {"name": {"fr": "Ascenseur du donjon", "en": "Lift of the keep"}, "capacity": 12, "per": "slot_start"}
        ],
        "offers": [
            {
                "offer": _tour("Visite guidée du donjon, en français", "Guided tour of the keep, in French", "fr"),
                "tariffs": [
                    _tariff(("Plein tarif", "Full price"), 1300, 1000),
                    _tariff(("Enfant", "Child"), 700, 1000, max_age=17),
                ],
                "calendar": _calendar(today, ("10:00", "17:00"), every=60, duration=50, capacity=12),
            },
            {
                "offer": _tour("Visite guidée du donjon, en anglais", "Guided tour of the keep, in English", "en"),
                "tariffs": [_tariff(("Plein tarif", "Full price"), 1300, 1000)],
                "calendar": _calendar(today, ("11:00", "16:00"), every=60, duration=50, capacity=12),
            },
        ],
    }


def _theatre(today: date) -> dict[str, Any]:
    return {
        "profile": _profile("theatre-de-la-lanterne", "Théâtre de la Lanterne", "Lantern Theatre", "#2f5233"),
        "presentation": THEATRE,
        "venue": {
            "name": {"fr": "Grande salle", "en": "Main hall"},
            "address": "12 rue du Rideau, 00000 Valombre",
            "timezone": "Europe/Paris",
            "gates": ["Foyer"],
        },
        "gauges": [],
        "offers": [
            {
                "offer": {
                    "name": {"fr": "La Nuit des marées, comédie", "en": "The Night of Tides, a comedy"},
                    "description": {
                        "fr": "Un port, une nuit, sept personnages qui croient tous partir. Deux heures sans entracte.",
                        "en": "A harbour, one night, and seven people who all mean to leave. Two hours, no interval.",
                    },
                    "kind": "timed",
                    "sales": {"early_entry_minutes": 60, "late_entry_minutes": 10},
                    "published": True,
                },
                "tariffs": [
                    _tariff(("Plein tarif", "Full price"), 2800, 550),
                    _tariff(
                        ("Moins de 28 ans", "Under 28"),
                        1400,
                        550,
                        max_age=27,
                        proof=("Pièce d’identité", "Identity document"),
                    ),
                ],
                "calendar": {
                    **_calendar(today, ("20:00", "20:00"), every=60, duration=120, capacity=280),
                    "weekdays": [2, 3, 4, 5, 6],
                },
            }
        ],
    }


def _profile(slug: str, french: str, english: str, colour: str) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": {"fr": french, "en": english},
        "country": "FR",
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "languages": ["fr", "en"],
        "legal_name": f"{french} (démonstration)",
        "contact_email": f"contact@{slug}.example",
        "accent_colour": colour,
        "stripe_account": f"acct_{''.join(letter for letter in slug if letter.isalpha())}",
    }


def _tour(french: str, english: str, language: str) -> dict[str, Any]:
    return {
        "name": {"fr": french, "en": english},
        "description": {
            "fr": "Cinquante minutes, des cuisines au chemin de ronde. L’ascenseur du donjon a douze places.",
            "en": "Fifty minutes, from the kitchens up to the parapet. The lift of the keep holds twelve.",
        },
        "kind": "timed",
        "sales": {"late_entry_minutes": 5},
        "language": language,
        "published": True,
    }


def _tariff(
    names: tuple[str, str],
    price_minor: int,
    vat_rate_bp: int,
    *,
    max_age: int | None = None,
    proof: tuple[str, str] | None = None,
) -> dict[str, Any]:
    eligibility: dict[str, Any] = {}
    if max_age is not None:
        eligibility["max_age"] = max_age
    if proof is not None:
        eligibility["proof"] = {"fr": proof[0], "en": proof[1]}
    return {
        "name": {"fr": names[0], "en": names[1]},
        "price": {"amount": price_minor, "currency": "EUR"},
        "vat_rate_bp": vat_rate_bp,
        "eligibility": eligibility,
    }


def _calendar(today: date, starts: tuple[str, str], *, every: int, duration: int, capacity: int) -> dict[str, Any]:
    """`starts`: the first and the last one of each day."""
    return {
        "valid_from": today.isoformat(),
        "valid_until": (today + timedelta(days=DAYS)).isoformat(),
        "weekdays": EVERY_DAY,
        "first_start": starts[0],
        "last_start": starts[1],
        "every_minutes": every,
        "duration_minutes": duration,
        "capacity": capacity,
    }
