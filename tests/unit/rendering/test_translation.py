"""Interface texts in four languages: found, whole, and as that language writes them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import catalogues
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from catalogues import ROOT, renewed

from newsletter import starter
from newsletter.config import FieldConfig, ListConfig
from newsletter.errors import ContentError
from newsletter.rendering.environment import long_date, make_environment, render_template, words
from newsletter.rendering.translation import FOLDER, NAMES, PACKAGED, SOURCE, load_catalogue

LANGUAGES = sorted(set(PACKAGED) - {SOURCE})
PLACEHOLDER = re.compile(r"%\(\w+\)s")
TAG = re.compile(r"</?\w+[^>]*>")


@pytest.fixture(scope="module")
def marked() -> Catalog:
    """Every sentence that templates and code mark for translation."""
    return catalogues.texts()


def messages(language: str) -> list[Message]:
    with (starter.templates() / FOLDER / f"{language}.po").open("rb") as file:
        return [each for each in read_po(file, abort_invalid=True) if each.id]


def pairs(language: str) -> list[tuple[str, str]]:
    """Every English sentence beside its translation, plural forms one by one."""
    found = []
    for each in messages(language):
        if isinstance(each.id, tuple):
            found += list(zip(each.id, each.string, strict=True))
        else:
            found.append((each.id, str(each.string)))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_left_out_or_in_doubt(language: str) -> None:
    assert [english for english, text in pairs(language) if not text.strip()] == []
    assert [each.id for each in messages(language) if each.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_has_every_sentence_that_is_marked_and_no_other(language: str, marked: Catalog) -> None:
    path = ROOT / catalogues.FOLDER / f"{language}.po"
    assert path.read_bytes() == renewed(path, marked), "run `make messages`, and translate what it brings"


def test_renewing_brings_what_is_new_untranslated_and_takes_what_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "de.po"
    path.write_text('# Ours.\nmsgid ""\nmsgstr "Language: de\\n"\n\nmsgid "a"\nmsgstr "x"\n\nmsgid "ab"\nmsgstr "y"\n')
    wanted = Catalog()
    for text in ("a", "abc"):
        wanted.add(text, locations=[("a.html", 0)])
    text = '# Ours.\nmsgid ""\nmsgstr "Language: de\\n"\n\n#: a.html\nmsgid "{}"\nmsgstr "{}"\n'
    assert renewed(path, wanted).decode() == text.format("a", "x") + '\n#: a.html\nmsgid "abc"\nmsgstr ""\n'


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_make_messages_leaves_a_copy_of_the_repository_as_it_is(tmp_path: Path) -> None:
    for name in ("newsletter", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (tmp_path / "tests").mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "tests/catalogues.py"):
        shutil.copy2(ROOT / name, tmp_path / name)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / ".venv" / ".installed-test").touch()  # so that make installs nothing
    done = subprocess.run(["make", "messages"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "de.po: 0 to translate" in done.stdout
    for path in (ROOT / catalogues.FOLDER).glob("*.po"):
        assert (tmp_path / catalogues.FOLDER / path.name).read_bytes() == path.read_bytes()


def test_every_packaged_language_says_its_name() -> None:
    assert set(PACKAGED) <= set(NAMES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_and_markup_are_those_of_the_english_sentence(language: str) -> None:
    for english, text in pairs(language):
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(english)), text
        assert sorted(TAG.findall(text)) == sorted(TAG.findall(english)), text
        assert "%" not in PLACEHOLDER.sub("", text).replace("%%", ""), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_typography_is_that_of_the_language(language: str) -> None:
    for _english, marked in pairs(language):
        text = TAG.sub("", marked)
        assert "'" not in text, text
        assert text == text.strip(), text
        assert '"' not in text, text
        if language == "fr":
            assert not re.search(r"[^\u00a0]:(?!\w)|[^\u202f][;?!]|«(?!\u00a0)|(?<!\u00a0)»", text), text
        if language == "de":
            assert text.count("„") == text.count("“"), text
            assert "”" not in text, text
            assert not re.search(r"\b(du|dich|dein\w*)\b", text), text
        if language == "es":
            assert ("?" in text, "!" in text) == ("¿" in text, "¡" in text), text
        if language in {"fr", "es"}:
            assert not set("„“”") & set(text), text


@pytest.mark.parametrize(
    ("language", "first", "ninth"),
    [
        ("en", "1 May 2026", "9 September 2026"),
        ("de", "1. Mai 2026", "9. September 2026"),
        ("de-AT", "1. Mai 2026", "9. September 2026"),
        ("fr", "1er mai 2026", "9 septembre 2026"),
        ("es", "1 de mayo de 2026", "9 de septiembre de 2026"),
    ],
)
def test_dates_are_written_as_the_language_writes_them(language: str, first: str, ninth: str) -> None:
    catalogue = words(make_environment(None, language))
    assert long_date(catalogue, date(2026, 5, 1)) == first
    assert long_date(catalogue, date(2026, 9, 9)) == ninth


def test_site_overrides_a_sentence_and_adds_a_language(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "de.po").write_text('msgid "Unsubscribe"\nmsgstr "Austragen"\n', "utf-8")
    (folder / "nl.po").write_text(
        'msgid ""\nmsgstr ""\n"Language: nl\\n"\n\nmsgid "Sign up"\nmsgstr "Aanmelden"\n', "utf-8"
    )
    (tmp_path / "a.txt").write_text('{{ _("Unsubscribe") }}, {{ _("Sign up") }}', "utf-8")
    assert render_template(make_environment(tmp_path, "de"), "a.txt", {}) == "Austragen, Anmelden"
    assert render_template(make_environment(tmp_path, "nl"), "a.txt", {}) == "Unsubscribe, Aanmelden"


def test_words_of_lists_and_fields_come_from_the_sites_own_catalogue(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    own = 'msgid "Your town"\nmsgstr "Ihr Ort"\n\nmsgid "Stand taller."\nmsgstr "Aufrechter stehen."\n'
    (tmp_path / FOLDER / "de.po").write_text(own, "utf-8")
    catalogue = load_catalogue([tmp_path, starter.templates()], "de")
    spoken = catalogue.listing(ListConfig(slug="spine", title="The Spine", headline="Stand taller."))
    assert (spoken.title, spoken.headline) == ("The Spine", "Aufrechter stehen.")
    assert spoken.pitch == ""
    assert catalogue.label(FieldConfig(name="city", label="Your town")) == "Ihr Ort"


def test_words_a_list_has_by_default_are_translated() -> None:
    for language in LANGUAGES:
        spoken = load_catalogue([starter.templates()], language).listing(ListConfig(slug="spine", title="Spine"))
        plain = ListConfig(slug="spine", title="Spine")
        assert spoken.button != plain.button
        assert spoken.promise != plain.promise


@pytest.mark.parametrize(
    ("language", "forms"),
    [("en", "plural one plural"), ("xx", "viele eins viele"), ("yy", "eins eins viele")],
)
def test_plural_form_is_chosen_by_the_catalogues_own_formula(tmp_path: Path, language: str, forms: str) -> None:
    (tmp_path / FOLDER).mkdir()
    entry = 'msgid "one"\nmsgid_plural "plural"\nmsgstr[0] "eins"\nmsgstr[1] "viele"\n'
    (tmp_path / FOLDER / "xx.po").write_text(entry, "utf-8")
    head = 'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
    (tmp_path / FOLDER / "yy.po").write_text(head + entry, "utf-8")
    catalogue = load_catalogue([tmp_path], language)
    assert " ".join(catalogue.ngettext("one", "plural", count) for count in (0, 1, 2)) == forms


def test_doubtful_and_empty_entries_stay_english(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    text = '#, fuzzy\nmsgid "a"\nmsgstr "x"\n\nmsgid "b"\nmsgstr ""\n\n#~ msgid "c"\n#~ msgstr "y"\n'
    (tmp_path / FOLDER / "xx.po").write_text(text, "utf-8")
    catalogue = load_catalogue([tmp_path], "xx")
    assert [catalogue.gettext(each) for each in "abc"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "line"),
    [('msgid "a"\nmsgstr "b\n', 2), ("msgid a\n", 1), ('"alone"\n', 1)],
)
def test_broken_catalogue_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "xx.po").write_text(text, "utf-8")
    with pytest.raises(ContentError) as caught:
        load_catalogue([tmp_path], "xx")
    assert caught.value.line == line
    assert caught.value.path == tmp_path / FOLDER / "xx.po"
