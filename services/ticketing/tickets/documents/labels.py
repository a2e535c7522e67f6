"""The words of a ticket in the five languages."""

from typing import Final

from msgspec import Struct


class Labels(Struct, frozen=True, kw_only=True):
    ticket: str
    tickets: str
    page: str
    until: str
    last_day: str
    any_hour: str
    tariff: str
    price: str
    free: str
    admits: str
    people: str
    proof: str
    instructions: str
    qr_alt: str
    typed: str
    mentions: str
    operator: str
    siret: str
    licence: str
    number: str
    order: str
    category: str
    session: str
    venue: str
    total: str
    vat: str
    vat_included: str
    sold: str
    place_of_sale: str
    identifier: str
    local_time: str
    conditions: str


LABELS: Final = {
    "fr": Labels(
        ticket="Billet d’entrée",
        tickets="Billets d’entrée",
        page="Billet {page} sur {pages}",
        until="jusqu’à {hour}",
        last_day="jusqu’au {day}",
        any_hour="à toute heure d’ouverture",
        tariff="Tarif",
        price="Prix",
        free="gratuit",
        admits="Valable pour",
        people="{count} personnes",
        proof="À présenter à l’entrée avec ce billet",
        instructions="Présentez ce code à l’entrée, à l’écran ou sur papier.",
        qr_alt="Code QR du billet. Code à saisir à la place : {short_code}",
        typed="Code à saisir",
        mentions="Mentions du billet",
        operator="Exploitant",
        siret="SIRET",
        licence="Licence",
        number="Billet n°",
        order="Commande",
        category="Catégorie",
        session="Séance",
        venue="Lieu",
        total="Prix total TTC",
        vat="TVA",
        vat_included="{rate}, soit {amount}",
        sold="Vendu le",
        place_of_sale="Lieu de vente",
        identifier="Identifiant",
        local_time="Heures locales du lieu de visite ({zone}).",
        conditions="Ce billet ouvre droit à une seule entrée. N’en partagez ni la photo ni le code : "
        "le premier présenté est le seul admis.",
    ),
    "en": Labels(
        ticket="Admission ticket",
        tickets="Admission tickets",
        page="Ticket {page} of {pages}",
        until="until {hour}",
        last_day="until {day}",
        any_hour="at any time during opening hours",
        tariff="Rate",
        price="Price",
        free="free of charge",
        admits="Admits",
        people="{count} people",
        proof="To be shown at the entrance with this ticket",
        instructions="Show this code at the entrance, on a screen or on paper.",
        qr_alt="QR code of the ticket. Code to type instead: {short_code}",
        typed="Code to type",
        mentions="Ticket details",
        operator="Operator",
        siret="SIRET",
        licence="Licence",
        number="Ticket no.",
        order="Order",
        category="Category",
        session="Session",
        venue="Venue",
        total="Total price incl. VAT",
        vat="VAT",
        vat_included="{rate}, that is {amount}",
        sold="Sold on",
        place_of_sale="Place of sale",
        identifier="Identifier",
        local_time="Times are local to the venue ({zone}).",
        conditions="This ticket is good for one entry. Share neither its picture nor its code: "
        "only the first one shown is admitted.",
    ),
    "de": Labels(
        ticket="Eintrittskarte",
        tickets="Eintrittskarten",
        page="Karte {page} von {pages}",
        until="bis {hour}",
        last_day="bis {day}",
        any_hour="jederzeit während der Öffnungszeiten",
        tariff="Tarif",
        price="Preis",
        free="kostenlos",
        admits="Gültig für",
        people="{count} Personen",
        proof="Am Eingang mit dieser Karte vorzuzeigen",
        instructions="Zeigen Sie diesen Code am Eingang, auf dem Bildschirm oder auf Papier.",
        qr_alt="QR-Code der Eintrittskarte. Stattdessen einzugebender Code: {short_code}",
        typed="Code zum Eingeben",
        mentions="Angaben zur Karte",
        operator="Betreiber",
        siret="SIRET",
        licence="Lizenz",
        number="Karte Nr.",
        order="Bestellung",
        category="Kategorie",
        session="Termin",
        venue="Ort",
        total="Gesamtpreis inkl. MwSt.",
        vat="MwSt.",
        vat_included="{rate}, das sind {amount}",
        sold="Verkauft am",
        place_of_sale="Verkaufsort",
        identifier="Kennung",
        local_time="Uhrzeiten gelten am Ort des Besuchs ({zone}).",
        conditions="Diese Karte berechtigt zu einem einmaligen Eintritt. Geben Sie weder Foto noch Code weiter: "
        "Nur die zuerst gezeigte Karte gilt.",
    ),
    "es": Labels(
        ticket="Entrada",
        tickets="Entradas",
        page="Entrada {page} de {pages}",
        until="hasta las {hour}",
        last_day="hasta el {day}",
        any_hour="a cualquier hora de apertura",
        tariff="Tarifa",
        price="Precio",
        free="gratuito",
        admits="Válida para",
        people="{count} personas",
        proof="Preséntese en el acceso junto con esta entrada",
        instructions="Presente este código en el acceso, en pantalla o en papel.",
        qr_alt="Código QR de la entrada. Código que se puede teclear: {short_code}",
        typed="Código para teclear",
        mentions="Datos de la entrada",
        operator="Titular de la explotación",
        siret="SIRET",
        licence="Licencia",
        number="Entrada n.º",
        order="Pedido",
        category="Categoría",
        session="Sesión",
        venue="Lugar",
        total="Precio total con IVA",
        vat="IVA",
        vat_included="{rate}, es decir, {amount}",
        sold="Vendida el",
        place_of_sale="Lugar de venta",
        identifier="Identificador",
        local_time="Horas locales del lugar de la visita ({zone}).",
        conditions="Esta entrada permite un solo acceso. No comparta ni su foto ni su código: "
        "solo se admite la primera que se presente.",
    ),
    "it": Labels(
        ticket="Biglietto d’ingresso",
        tickets="Biglietti d’ingresso",
        page="Biglietto {page} di {pages}",
        until="fino alle {hour}",
        last_day="fino al {day}",
        any_hour="a qualsiasi ora di apertura",
        tariff="Tariffa",
        price="Prezzo",
        free="gratuito",
        admits="Valido per",
        people="{count} persone",
        proof="Da esibire all’ingresso insieme a questo biglietto",
        instructions="Mostri questo codice all’ingresso, sullo schermo o su carta.",
        qr_alt="Codice QR del biglietto. Codice da digitare in alternativa: {short_code}",
        typed="Codice da digitare",
        mentions="Dati del biglietto",
        operator="Gestore",
        siret="SIRET",
        licence="Licenza",
        number="Biglietto n.",
        order="Ordine",
        category="Categoria",
        session="Sessione",
        venue="Luogo",
        total="Prezzo totale IVA inclusa",
        vat="IVA",
        vat_included="{rate}, pari a {amount}",
        sold="Venduto il",
        place_of_sale="Luogo di vendita",
        identifier="Identificativo",
        local_time="Orari locali del luogo della visita ({zone}).",
        conditions="Questo biglietto vale per un solo ingresso. Non ne condivida né la foto né il codice: "
        "è ammesso solo il primo mostrato.",
    ),
}

# By channel of sale, then by language.
CHANNELS: Final = {
    "online": {
        "fr": "Vente en ligne",
        "en": "Online sale",
        "de": "Online-Verkauf",
        "es": "Venta en línea",
        "it": "Vendita online",
    },
    "counter": {"fr": "Guichet", "en": "Ticket desk", "de": "Kasse", "es": "Taquilla", "it": "Biglietteria"},
    "telephone": {"fr": "Téléphone", "en": "Telephone", "de": "Telefon", "es": "Teléfono", "it": "Telefono"},
    "reseller": {"fr": "Revendeur", "en": "Reseller", "de": "Wiederverkäufer", "es": "Revendedor", "it": "Rivenditore"},
}
