"""The words of our messages in five languages. A missing one is an error at import, and so at every start."""

from typing import Final

from msgspec import Struct


class Words(Struct, frozen=True, kw_only=True):
    hello: str
    order: str
    total: str
    due: str
    tickets: str
    open_order: str
    keep_link: str
    attached: str
    not_attached: str
    automatic: str
    reply: str

    confirmed_subject: str
    confirmed_heading: str

    cancelled_subject: str
    cancelled_heading: str
    cancelled_text: str
    partly_cancelled_heading: str
    partly_cancelled_text: str
    refund_follows: str
    left: str

    exchanged_subject: str
    exchanged_heading: str
    exchanged_text: str

    refunded_subject: str
    refunded_heading: str
    refunded_text: str
    refunded_at_desk: str

    reminder_subject: str
    reminder_heading: str
    reminder_text: str
    stop: str

    offered_subject: str
    offered_heading: str
    offered_text: str
    offered_deadline: str
    offered_action: str

    closed_subject: str
    closed_heading: str
    closed_text: str
    closed_choice: str
    closed_refund: str
    closed_action: str

    refusal_title: str
    refusal_question: str
    refusal_button: str
    refusal_done: str


WORDS: Final = {
    "fr": Words(
        hello="Bonjour {name},",
        order="Commande {reference}",
        total="Total : {amount}",
        due="À régler sur place : {amount}.",
        tickets="Billets n° {numbers}",
        open_order="Voir ma commande",
        keep_link="Avec ce lien, vous pouvez retrouver vos billets, changer d’heure ou annuler selon les conditions "
        "de l’établissement. Ne le partagez pas : il ouvre votre commande.",
        attached="Vos billets sont joints à ce message. Présentez leur code à l’entrée, à l’écran ou sur papier.",
        not_attached="Vos billets vous attendent derrière le bouton ci-dessous.",
        automatic="Message automatique de {establishment}.",
        reply="Une question ? Répondez simplement à ce message.",
        confirmed_subject="Vos billets – {establishment} ({reference})",
        confirmed_heading="Votre visite est confirmée",
        cancelled_subject="Annulation – {establishment} ({reference})",
        cancelled_heading="Votre commande est annulée",
        cancelled_text="Les billets de cette commande ne sont plus valables à l’entrée.",
        partly_cancelled_heading="Une partie de vos billets est annulée",
        partly_cancelled_text="Ces billets ne sont plus valables : n° {numbers}.",
        refund_follows="Ce que vous aviez payé pour eux vous est remboursé : un autre message vous dira quand "
        "le remboursement sera parti.",
        left="Il vous reste ces billets, joints à ce message :",
        exchanged_subject="Vos nouveaux billets – {establishment} ({reference})",
        exchanged_heading="Votre visite est déplacée",
        exchanged_text="Voici vos billets en cours de validité. Ceux que vous aviez avant ne sont plus acceptés.",
        refunded_subject="Remboursement de {amount} – {establishment} ({reference})",
        refunded_heading="Votre remboursement",
        refunded_text="{amount} vous sont rendus sur le moyen de paiement que vous aviez utilisé. Selon votre banque, "
        "comptez cinq à dix jours ouvrés.",
        refunded_at_desk="{amount} vous sont rendus au guichet : présentez-y ce message.",
        reminder_subject="Rappel : {offer}, {day}",
        reminder_heading="Votre visite approche",
        reminder_text="Voici de quoi la préparer. Un empêchement ? Libérez vos places par le lien : elles feront "
        "des heureux.",
        stop="Ne plus recevoir de rappels de cet établissement",
        offered_subject="Des places pour vous : {offer}",
        offered_heading="Des places se sont libérées",
        offered_text="Vous étiez sur la liste d’attente. Nombre de places gardées pour vous : {quantity}.",
        offered_deadline="Elles vous sont réservées jusqu’au {deadline}. Ensuite, elles seront proposées à la personne "
        "suivante.",
        offered_action="Prendre ces places",
        closed_subject="Fermeture : votre visite ne peut avoir lieu – {establishment} ({reference})",
        closed_heading="Votre visite ne peut pas avoir lieu",
        closed_text="{establishment} doit fermer à l’heure de votre visite. Nous en sommes désolés.",
        closed_choice="Vous pouvez choisir une autre heure ou annuler, sans condition de délai, par le bouton "
        "ci-dessous.",
        closed_refund="Si vous annulez, vous êtes remboursé de tout ce que vous avez payé pour ces billets.",
        closed_action="Changer d’heure ou annuler",
        refusal_title="Rappels par mail",
        refusal_question="Ne plus recevoir de rappel avant vos visites dans cet établissement ? Les mails sur vos "
        "commandes (billets, annulation, remboursement) continueront d’arriver.",
        refusal_button="Ne plus recevoir de rappels",
        refusal_done="C’est noté : vous ne recevrez plus de rappels de cet établissement.",
    ),
    "en": Words(
        hello="Hello {name},",
        order="Order {reference}",
        total="Total: {amount}",
        due="To be paid on site: {amount}.",
        tickets="Tickets no. {numbers}",
        open_order="View my order",
        keep_link="This link takes you back to your tickets; with it you can also change the time or cancel, within "
        "the venue’s terms. Please keep it to yourself: it opens your order.",
        attached="Your tickets are attached. Show their code at the entrance, on a screen or on paper.",
        not_attached="Your tickets are waiting behind the button below.",
        automatic="Automatic message from {establishment}.",
        reply="Any question? Just reply to this message.",
        confirmed_subject="Your tickets – {establishment} ({reference})",
        confirmed_heading="Your visit is confirmed",
        cancelled_subject="Cancellation – {establishment} ({reference})",
        cancelled_heading="Your order is cancelled",
        cancelled_text="The tickets of this order are no longer valid at the entrance.",
        partly_cancelled_heading="Some of your tickets are cancelled",
        partly_cancelled_text="These tickets are no longer valid: no. {numbers}.",
        refund_follows="What you paid for them is being refunded: another message will tell you when the refund is "
        "on its way.",
        left="You still have these tickets, attached to this message:",
        exchanged_subject="Your new tickets – {establishment} ({reference})",
        exchanged_heading="Your visit has moved",
        exchanged_text="Here are your valid tickets. Those you had before are no longer accepted.",
        refunded_subject="Refund of {amount} – {establishment} ({reference})",
        refunded_heading="Your refund",
        refunded_text="{amount} is going back to the means of payment that you used. Depending on your bank, allow "
        "five to ten working days.",
        refunded_at_desk="{amount} will be handed back to you at the ticket desk: please show this message there.",
        reminder_subject="Reminder: {offer}, {day}",
        reminder_heading="Your visit is coming up",
        reminder_text="Here is what you need. Something came up? Free your places through the link: somebody else "
        "will be glad of them.",
        stop="No more reminders from this venue",
        offered_subject="Places for you: {offer}",
        offered_heading="Places have become free",
        offered_text="You were on the waiting list. Places kept for you: {quantity}.",
        offered_deadline="They are reserved for you until {deadline}. After that they go to the next person.",
        offered_action="Take these places",
        closed_subject="Closed: your visit cannot take place – {establishment} ({reference})",
        closed_heading="Your visit cannot take place",
        closed_text="{establishment} has to close at the time of your visit. We are sorry.",
        closed_choice="You can choose another time or cancel, whatever the usual deadlines, through the button below.",
        closed_refund="If you cancel, you get back all that you paid for these tickets.",
        closed_action="Change the time or cancel",
        refusal_title="Reminders by mail",
        refusal_question="Receive no more reminders before your visits to this venue? Messages about your orders "
        "(tickets, cancellation, refund) will still reach you.",
        refusal_button="No more reminders",
        refusal_done="Done: you will receive no more reminders from this venue.",
    ),
    "de": Words(
        hello="Guten Tag {name},",
        order="Bestellung {reference}",
        total="Gesamt: {amount}",
        due="Vor Ort zu zahlen: {amount}.",
        tickets="Karten Nr. {numbers}",
        open_order="Meine Bestellung ansehen",
        keep_link="Über diesen Link finden Sie Ihre Karten wieder und können im Rahmen der Bedingungen des Hauses die "
        "Uhrzeit ändern oder stornieren. Geben Sie ihn nicht weiter: Er öffnet Ihre Bestellung.",
        attached="Ihre Karten hängen an dieser Nachricht. Zeigen Sie den Code am Eingang, auf dem Bildschirm oder auf "
        "Papier.",
        not_attached="Ihre Karten finden Sie über die Schaltfläche unten.",
        automatic="Automatische Nachricht von {establishment}.",
        reply="Fragen? Antworten Sie einfach auf diese Nachricht.",
        confirmed_subject="Ihre Karten – {establishment} ({reference})",
        confirmed_heading="Ihr Besuch ist bestätigt",
        cancelled_subject="Stornierung – {establishment} ({reference})",
        cancelled_heading="Ihre Bestellung ist storniert",
        cancelled_text="Die Karten dieser Bestellung gelten am Eingang nicht mehr.",
        partly_cancelled_heading="Ein Teil Ihrer Karten ist storniert",
        partly_cancelled_text="Diese Karten gelten nicht mehr: Nr. {numbers}.",
        refund_follows="Der dafür gezahlte Betrag wird erstattet: Eine weitere Nachricht sagt Ihnen, wann die "
        "Erstattung unterwegs ist.",
        left="Diese Karten behalten Sie, sie hängen an dieser Nachricht:",
        exchanged_subject="Ihre neuen Karten – {establishment} ({reference})",
        exchanged_heading="Ihr Besuch ist verlegt",
        exchanged_text="Hier sind Ihre gültigen Karten. Die vorherigen werden nicht mehr angenommen.",
        refunded_subject="Erstattung von {amount} – {establishment} ({reference})",
        refunded_heading="Ihre Erstattung",
        refunded_text="{amount} gehen auf das Zahlungsmittel zurück, das Sie benutzt haben. Je nach Bank dauert das "
        "fünf bis zehn Werktage.",
        refunded_at_desk="{amount} erhalten Sie an der Kasse zurück: Zeigen Sie dort diese Nachricht.",
        reminder_subject="Erinnerung: {offer}, {day}",
        reminder_heading="Ihr Besuch steht bevor",
        reminder_text="Hier ist alles, was Sie brauchen. Etwas dazwischengekommen? Geben Sie Ihre Plätze über den Link "
        "frei: Andere freuen sich darüber.",
        stop="Keine Erinnerungen mehr von diesem Haus",
        offered_subject="Plätze für Sie: {offer}",
        offered_heading="Es sind Plätze frei geworden",
        offered_text="Sie standen auf der Warteliste. Für Sie freigehaltene Plätze: {quantity}.",
        offered_deadline="Sie sind für Sie reserviert bis {deadline}. Danach gehen sie an die nächste Person.",
        offered_action="Diese Plätze nehmen",
        closed_subject="Geschlossen: Ihr Besuch kann nicht stattfinden – {establishment} ({reference})",
        closed_heading="Ihr Besuch kann nicht stattfinden",
        closed_text="{establishment} muss zur Zeit Ihres Besuchs schließen. Das tut uns leid.",
        closed_choice="Über die Schaltfläche unten können Sie eine andere Uhrzeit wählen oder stornieren, "
        "unabhängig von den üblichen Fristen.",
        closed_refund="Wenn Sie stornieren, erhalten Sie alles zurück, was Sie für diese Karten bezahlt haben.",
        closed_action="Uhrzeit ändern oder stornieren",
        refusal_title="Erinnerungen per Mail",
        refusal_question="Keine Erinnerungen mehr vor Ihren Besuchen in diesem Haus? Nachrichten zu Ihren Bestellungen "
        "(Karten, Stornierung, Erstattung) kommen weiterhin an.",
        refusal_button="Keine Erinnerungen mehr",
        refusal_done="Erledigt: Sie erhalten von diesem Haus keine Erinnerungen mehr.",
    ),
    "es": Words(
        hello="Hola, {name}:",
        order="Pedido {reference}",
        total="Total: {amount}",
        due="A pagar en el lugar: {amount}.",
        tickets="Entradas n.º {numbers}",
        open_order="Ver mi pedido",
        keep_link="Con este enlace puede recuperar sus entradas, cambiar la hora o cancelar según las condiciones del "
        "establecimiento. No lo comparta: abre su pedido.",
        attached="Sus entradas van adjuntas a este mensaje. Muestre el código en el acceso, en pantalla o en papel.",
        not_attached="Sus entradas le esperan tras el botón de abajo.",
        automatic="Mensaje automático de {establishment}.",
        reply="¿Alguna pregunta? Responda a este mensaje.",
        confirmed_subject="Sus entradas – {establishment} ({reference})",
        confirmed_heading="Su visita está confirmada",
        cancelled_subject="Cancelación – {establishment} ({reference})",
        cancelled_heading="Su pedido está cancelado",
        cancelled_text="Las entradas de este pedido ya no son válidas en el acceso.",
        partly_cancelled_heading="Parte de sus entradas está cancelada",
        partly_cancelled_text="Estas entradas ya no son válidas: n.º {numbers}.",
        refund_follows="Se le devuelve lo que pagó por ellas: otro mensaje le dirá cuándo sale el reembolso.",
        left="Conserva estas entradas, adjuntas a este mensaje:",
        exchanged_subject="Sus nuevas entradas – {establishment} ({reference})",
        exchanged_heading="Su visita ha cambiado",
        exchanged_text="Estas son sus entradas válidas. Las anteriores ya no se aceptan.",
        refunded_subject="Reembolso de {amount} – {establishment} ({reference})",
        refunded_heading="Su reembolso",
        refunded_text="{amount} vuelven al medio de pago que utilizó. Según su banco, puede tardar de cinco a diez "
        "días hábiles.",
        refunded_at_desk="{amount} se le devolverán en la taquilla: muestre allí este mensaje.",
        reminder_subject="Recordatorio: {offer}, {day}",
        reminder_heading="Se acerca su visita",
        reminder_text="Aquí tiene lo necesario. ¿Un imprevisto? Libere sus plazas con el enlace: alguien las "
        "agradecerá.",
        stop="No recibir más recordatorios de este establecimiento",
        offered_subject="Plazas para usted: {offer}",
        offered_heading="Han quedado plazas libres",
        offered_text="Estaba en la lista de espera. Plazas reservadas para usted: {quantity}.",
        offered_deadline="Se las guardamos hasta el {deadline}. Después pasarán a la siguiente persona.",
        offered_action="Tomar estas plazas",
        closed_subject="Cierre: su visita no puede realizarse – {establishment} ({reference})",
        closed_heading="Su visita no puede realizarse",
        closed_text="{establishment} debe cerrar a la hora de su visita. Lo sentimos.",
        closed_choice="Puede elegir otra hora o anular, sean cuales sean los plazos habituales, con el botón de abajo.",
        closed_refund="Si anula, se le devuelve todo lo que pagó por estas entradas.",
        closed_action="Cambiar la hora o anular",
        refusal_title="Recordatorios por correo",
        refusal_question="¿No recibir más recordatorios antes de sus visitas a este establecimiento? Los mensajes "
        "sobre sus pedidos (entradas, cancelación, reembolso) seguirán llegando.",
        refusal_button="No recibir más recordatorios",
        refusal_done="Hecho: no recibirá más recordatorios de este establecimiento.",
    ),
    "it": Words(
        hello="Buongiorno {name},",
        order="Ordine {reference}",
        total="Totale: {amount}",
        due="Da pagare sul posto: {amount}.",
        tickets="Biglietti n. {numbers}",
        open_order="Vedere il mio ordine",
        keep_link="Con questo link può ritrovare i biglietti, cambiare orario o annullare secondo le condizioni della "
        "struttura. Non lo condivida: apre il suo ordine.",
        attached="I biglietti sono allegati a questo messaggio. Mostri il codice all’ingresso, sullo schermo o su "
        "carta.",
        not_attached="I biglietti la aspettano dietro il pulsante qui sotto.",
        automatic="Messaggio automatico di {establishment}.",
        reply="Una domanda? Risponda a questo messaggio.",
        confirmed_subject="I suoi biglietti – {establishment} ({reference})",
        confirmed_heading="La sua visita è confermata",
        cancelled_subject="Annullamento – {establishment} ({reference})",
        cancelled_heading="Il suo ordine è annullato",
        cancelled_text="I biglietti di questo ordine non sono più validi all’ingresso.",
        partly_cancelled_heading="Una parte dei suoi biglietti è annullata",
        partly_cancelled_text="Questi biglietti non sono più validi: n. {numbers}.",
        refund_follows="Quanto ha pagato le viene rimborsato: un altro messaggio le dirà quando il rimborso è partito.",
        left="Le restano questi biglietti, allegati a questo messaggio:",
        exchanged_subject="I suoi nuovi biglietti – {establishment} ({reference})",
        exchanged_heading="La sua visita è stata spostata",
        exchanged_text="Ecco i suoi biglietti validi. Quelli di prima non sono più accettati.",
        refunded_subject="Rimborso di {amount} – {establishment} ({reference})",
        refunded_heading="Il suo rimborso",
        refunded_text="{amount} tornano sul mezzo di pagamento che ha usato. Secondo la banca, occorrono da cinque a "
        "dieci giorni lavorativi.",
        refunded_at_desk="{amount} le saranno restituiti in biglietteria: mostri lì questo messaggio.",
        reminder_subject="Promemoria: {offer}, {day}",
        reminder_heading="La sua visita si avvicina",
        reminder_text="Ecco quanto le serve. Un imprevisto? Liberi i suoi posti con il link: faranno felice qualcuno.",
        stop="Non ricevere più promemoria da questa struttura",
        offered_subject="Posti per lei: {offer}",
        offered_heading="Si sono liberati dei posti",
        offered_text="Era in lista d’attesa. Posti tenuti per lei: {quantity}.",
        offered_deadline="Le sono riservati fino a {deadline}. Poi passeranno alla persona successiva.",
        offered_action="Prendere questi posti",
        closed_subject="Chiusura: la sua visita non può aver luogo – {establishment} ({reference})",
        closed_heading="La sua visita non può aver luogo",
        closed_text="{establishment} deve chiudere all’ora della sua visita. Ce ne scusiamo.",
        closed_choice="Può scegliere un altro orario o annullare, senza limiti di tempo, con il pulsante qui sotto.",
        closed_refund="Se annulla, le viene restituito tutto ciò che ha pagato per questi biglietti.",
        closed_action="Cambiare orario o annullare",
        refusal_title="Promemoria per posta elettronica",
        refusal_question="Non ricevere più promemoria prima delle visite in questa struttura? I messaggi sui suoi "
        "ordini (biglietti, annullamento, rimborso) continueranno ad arrivare.",
        refusal_button="Non ricevere più promemoria",
        refusal_done="Fatto: non riceverà più promemoria da questa struttura.",
    ),
}
