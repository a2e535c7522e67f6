"""How the invented establishments show themselves: texts that sound like theirs, and small drawings as logos."""

import base64
from typing import Any

NOTICE = {
    "fr": "Établissement inventé pour la démonstration de Parvis : rien n’y est vendu, rien n’y ouvre.",
    "en": "An establishment invented to demonstrate Parvis: nothing is sold and nothing opens there.",
}
TERMS = {
    "fr": "Les billets sont nominatifs et contrôlés à l’entrée. Les justificatifs des tarifs réduits sont demandés sur "
    "place ; à défaut, la différence avec le plein tarif est due.\n\nEn cas d’annulation par l’établissement, les "
    "billets sont remboursés en entier, sans démarche de votre part.",
    "en": "Tickets bear a name and are checked at the entrance. Proofs for reduced prices are asked for on site; "
    "without one, the difference to the full price is due.\n\nIf the establishment cancels, tickets are refunded in "
    "full, without any step on your side.",
}


def _logo(drawing: str) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">{drawing}</svg>'
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _presentation(name: str, phone: str, **texts: dict[str, str] | str) -> dict[str, Any]:
    return {
        "terms": TERMS,
        "legal_notice": NOTICE,
        "contact_phone": phone,
        "website": f"https://{name}.example",
        "allowed_origins": [f"https://{name}.example"],
        **texts,
    }


MUSEUM = _presentation(
    "musee-des-horizons",
    "+33 1 99 00 12 34",
    logo=_logo(
        '<rect width="48" height="48" rx="4" fill="#1d4e89"/><circle cx="24" cy="21" r="9" fill="#f6c667"/>'
        '<path d="M4 27h40v3H4zm4 6h32v3H8zm8 6h16v3H16z" fill="#fff"/>'
    ),
    about={
        "fr": "Né en 1904 dans l’ancienne halle aux grains, le Musée des Horizons réunit huit cents paysages, "
        "de la carte marine au grand format contemporain, et un jardin de sculptures ouvert sur la rivière.",
        "en": "Founded in 1904 in the old corn hall, the Museum of Horizons brings together eight hundred landscapes, "
        "from sea charts to large contemporary formats, and a sculpture garden that opens onto the river.",
    },
    opening_hours={
        "fr": "Tous les jours, de 9 h à 19 h\nNocturne le jeudi jusqu’à 21 h\nDernière entrée une heure avant",
        "en": "Every day, 9 am to 7 pm\nThursdays until 9 pm\nLast entry one hour before closing",
    },
    access={
        "fr": "Tram 2, arrêt Halle aux grains. Vélos : 40 arceaux place de l’Exemple.\n\nEntrée de plain-pied ; "
        "fauteuils roulants et sièges-cannes prêtés à l’accueil, chiens d’assistance bienvenus.",
        "en": "Tram 2, stop Halle aux grains. Bicycles: 40 stands on place de l’Exemple.\n\nStep-free entrance; "
        "wheelchairs and folding seats on loan at the desk, assistance dogs welcome.",
    },
)
CASTLE = _presentation(
    "chateau-de-valombre",
    "+33 1 99 00 56 78",
    logo=_logo(
        '<rect width="48" height="48" rx="4" fill="#6b2737"/>'
        '<path d="M9 40V17h4v4h4v-4h4V8h6v9h4v4h4v-4h4v23H28v-7a4 4 0 0 0-8 0v7z" fill="#fff"/>'
    ),
    about={
        "fr": "Forteresse du XIIIe siècle au-dessus de la vallée, le Château de Valombre se visite avec ses guides : "
        "des cuisines voûtées au sommet du donjon, quarante mètres plus haut.",
        "en": "A fortress of the 13th century above the valley. Valombre Castle is visited with its guides, from the "
        "vaulted kitchens to the top of the keep, forty metres higher.",
    },
    opening_hours={
        "fr": "Tous les jours, de 10 h à 18 h\nDépart des visites devant le pont-levis",
        "en": "Every day, 10 am to 6 pm\nTours start at the drawbridge",
    },
    access={
        "fr": "Navette depuis la gare de Valombre toutes les heures. Le chemin de ronde compte 84 marches ; "
        "l’ascenseur du donjon mène aux salles hautes.",
        "en": "Shuttle from Valombre station every hour. The parapet walk has 84 steps; the lift of the keep leads to "
        "the upper rooms.",
    },
)
THEATRE = _presentation(
    "theatre-de-la-lanterne",
    "+33 1 99 00 90 12",
    logo=_logo(
        '<rect width="48" height="48" rx="4" fill="#2f5233"/>'
        '<path d="M20 8h8v4h-8zm-3 6h14l3 20H14zm-2 22h18v4H15z" fill="#fff"/>'
        '<circle cx="24" cy="25" r="5" fill="#f6c667"/>'
    ),
    about={
        "fr": "Deux cent quatre-vingts fauteuils, une troupe permanente et une lanterne allumée les soirs de jeu : "
        "le Théâtre de la Lanterne crée quatre spectacles par an.",
        "en": "Two hundred and eighty seats, a company of its own and a lantern lit on the nights they play: the "
        "Lantern Theatre makes four new shows a year.",
    },
    opening_hours={
        "fr": "Du mardi au samedi, spectacle à 20 h\nBar et accueil à partir de 19 h",
        "en": "Tuesday to Saturday, curtain at 8 pm\nBar and box office from 7 pm",
    },
    access={
        "fr": "Bus 7, arrêt Rideau. Six places pour fauteuils roulants au parterre, boucle magnétique dans la salle.",
        "en": "Bus 7, stop Rideau. Six wheelchair places in the stalls, induction loop in the hall.",
    },
)
