"""Interface texts in other languages: gettext catalogues, read as they are written.

A catalogue is a file `locale/<language>.po` among the templates, so it is found like them: the Site's own
sentences first, then the packaged ones. It is read at run time, deliberately: there is nothing to compile, a wheel
and a checkout carry the same files, and a Site adds a language by writing one file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from gettext import NullTranslations, c2py
from pathlib import Path

from newsletter.config import FieldConfig, ListConfig
from newsletter.errors import ContentError

FOLDER = "locale"
"""Where catalogues lie, below a folder of templates."""
SOURCE = "en"
"""The language the templates are written in; it needs no catalogue."""

PACKAGED = ("de", "en", "es", "fr")
"""What the program speaks by itself."""

NAMES = {
    **{"ar": "العربية", "ca": "Català", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά"},
    **{"en": "English", "es": "Español", "et": "Eesti", "eu": "Euskara", "fa": "فارسی", "fi": "Suomi"},
    **{"fr": "Français", "ga": "Gaeilge", "gl": "Galego", "he": "עברית", "hr": "Hrvatski", "hu": "Magyar"},
    **{"it": "Italiano", "ja": "日本語", "ko": "한국어", "lt": "Lietuvių", "lv": "Latviešu", "nb": "Norsk bokmål"},
    **{"nl": "Nederlands", "pl": "Polski", "pt": "Português", "ro": "Română", "ru": "Русский", "sk": "Slovenčina"},
    **{"sl": "Slovenščina", "sv": "Svenska", "tr": "Türkçe", "uk": "Українська", "ur": "اردو", "zh": "中文"},
}
"""What languages call themselves; a Site may speak more of them than we do."""

RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ps", "ur", "yi"})

_LINE = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d+)\])?)?\s*(".*")')
_PLURALS = re.compile(r"^Plural-Forms:.*?plural=([^;\n]+)", re.MULTILINE | re.IGNORECASE)

_LIST_WORDS = ("title", "description", "headline", "pitch", "button", "promise")


def noted(text: str) -> str:
    """`text` as it is: marks what is translated later, where `_()` cannot stand."""
    return text


DEFAULT_WORDS = (
    noted("Yes, sign me up"),
    noted("We comply fully with anti-spam law: no spam, no sharing, leave with one click."),
)
"""What a list says that says nothing of its own; noted here, because the model below cannot."""


class Catalogue(NullTranslations):
    """The sentences of one language, by the English ones; what is missing stays English."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language
        self._texts: dict[str, tuple[str, ...]] = {}
        self._plural: Callable[[int], int] = lambda count: int(count != 1)

    def read(self, path: Path) -> None:
        """Add the sentences of a `.po` file over those that are there. Raises `ContentError` with file and line."""
        for number, (msgid, texts) in _entries(path):
            if msgid:
                self._texts[msgid] = texts
            elif found := _PLURALS.search(texts[0]):
                try:
                    self._plural = c2py(found[1].strip())
                except ValueError as error:
                    raise ContentError("Plural-Forms is no formula.", path=path, line=number) from error

    def gettext(self, message: str) -> str:
        """The sentence in this language."""
        return self._texts[message][0] if message in self._texts else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The sentence in the form that goes with `n`."""
        texts = self._texts.get(msgid1)
        if texts is None:
            return msgid1 if n == 1 else msgid2
        form = self._plural(n)
        return texts[form] if form < len(texts) else texts[-1]

    def listing(self, wanted: ListConfig) -> ListConfig:
        """A list whose words are in this language, as far as a catalogue of the Site's translates them."""
        texts = {word: self.gettext(text) for word in _LIST_WORDS if (text := getattr(wanted, word))}
        return wanted.model_copy(update=texts)

    def label(self, field: FieldConfig) -> str:
        """What forms call a declared field."""
        return self.gettext(field.label or field.name)


def load_catalogue(folders: Iterable[Path | str], language: str) -> Catalogue:
    """The catalogue of `language` (a BCP 47 tag) from the template folders, the first of which wins.

    `de-AT` takes what it lacks from `de`.
    """
    catalogue = Catalogue(language)
    names = dict.fromkeys([language.partition("-")[0], language])
    for folder in reversed([Path(each) for each in folders]):
        for name in names:
            if (path := folder / FOLDER / f"{name}.po").is_file():
                catalogue.read(path)
    return catalogue


def direction(language: str) -> str:
    """`rtl` or `ltr`, as in HTML."""
    return "rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr"


def _entries(path: Path) -> Iterator[tuple[int, tuple[str, tuple[str, ...]]]]:
    """Line, `msgid` and its translations of every entry that has all of them and is not marked as doubtful."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ContentError("This catalogue is not UTF-8.", path=path) from error
    entry: dict[str, str] = {}
    key, began, is_fuzzy = "", 1, False
    for number, line in enumerate([*lines, ""], start=1):
        text = line.strip()
        if text.startswith("#"):
            is_fuzzy |= text.startswith("#,") and "fuzzy" in text
            continue
        if not text:
            if entry and not (is_fuzzy and entry.get("msgid")):
                yield began, _checked(entry)
            entry, is_fuzzy = {}, False
            continue
        found = _LINE.fullmatch(text)
        if found is None or not (found[1] or entry):
            raise ContentError("This line is not one of a gettext catalogue.", path=path, line=number)
        if not entry:
            began = number
        key = found[1] or key
        try:
            entry[key] = entry.get(key, "") + ast.literal_eval(found[3])
        except (SyntaxError, ValueError) as error:
            raise ContentError("The quotation marks of this line do not fit.", path=path, line=number) from error


def _checked(entry: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """The entry's key and translations; an untranslated one stands for itself."""
    msgid = entry.get("msgid", "")
    if "msgid_plural" not in entry:
        return msgid, (entry.get("msgstr") or msgid,)
    forms = [entry[key] for key in sorted(entry) if key.startswith("msgstr[")]
    return msgid, tuple(forms) if forms and all(forms) else (msgid, entry["msgid_plural"])
