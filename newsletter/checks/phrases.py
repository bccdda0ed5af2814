"""Words that rules look for, by language: what says nothing as a link, and how days are called."""

from __future__ import annotations

EMPTY_LINKS = {
    "en": "click here|click|here|read more|more|learn more|find out more|continue|continue reading|link|this link|this"
    "|see more|go|details",
    "de": "hier|hier klicken|klick hier|klicken sie hier|mehr|mehr lesen|weiterlesen|weiter|link|dieser link|details"
    "|mehr erfahren",
    "fr": "ici|cliquez ici|cliquer ici|lire la suite|la suite|en savoir plus|plus|lien|ce lien|suite",
    "es": "aquí|haga clic aquí|haz clic aquí|clic aquí|leer más|más|ver más|más información|enlace|este enlace",
    "it": "qui|clicca qui|leggi di più|leggi tutto|continua|altro|scopri di più|link|questo link",
    "pt": "aqui|clique aqui|ler mais|leia mais|mais|saiba mais|link|este link",
    "nl": "hier|klik hier|lees meer|lees verder|meer|link|deze link",
    "sv": "här|klicka här|läs mer|mer|länk",
    "da": "her|klik her|læs mere|mere|link",
    "nb": "her|klikk her|les mer|mer|lenke",
    "no": "her|klikk her|les mer|mer|lenke",
    "pl": "tutaj|kliknij tutaj|kliknij|czytaj więcej|więcej|link",
    "fi": "tästä|klikkaa tästä|lue lisää|lisää|linkki",
    "cs": "zde|klikněte zde|číst dál|více|odkaz",
}
"""Whole link texts, in lower case, that say nothing of where the link leads."""

WEEKDAYS = {
    "en": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "de": ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
"""Days of the week, Monday first."""

MONTHS = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}
"""Months in order, separated by spaces."""


def empty_links(language: str) -> frozenset[str]:
    """What says nothing in a language (a BCP 47 tag), and in English, which gets copied everywhere."""
    return frozenset(f"{EMPTY_LINKS.get(language[:2], '')}|{EMPTY_LINKS['en']}".split("|")) - {""}
