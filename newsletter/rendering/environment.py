"""The one way templates are found and run: the Site's file first, then its theme's, strict about all of them.

Theme code is trusted, content is not: everything printed into HTML or XML is escaped, an undefined name
is an error and never a blank in somebody's mail, and every error names the template's file and line.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from traceback import extract_tb

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    Template,
    TemplateNotFound,
    TemplateSyntaxError,
    pass_environment,
    select_autoescape,
)

from newsletter.errors import ContentError, NewsletterError, RenderError
from newsletter.rendering import themes
from newsletter.rendering.translation import Catalogue, direction, load_catalogue, noted

TEXT_WIDTH = 72
"""Columns of plain text parts; only addresses may be longer."""

_SPACES = re.compile(r"[ \t\r\n]+")

_MONTHS = (
    *(noted("January"), noted("February"), noted("March"), noted("April"), noted("May"), noted("June")),
    *(noted("July"), noted("August"), noted("September"), noted("October"), noted("November"), noted("December")),
)


def make_environment(site_templates: Path | None, language: str = "en", theme: str = themes.DEFAULT) -> Environment:
    """Templates of a Site over those of its theme, with interface texts in `language` (a BCP 47 tag).

    `starter/…` always names the packaged file of that theme, so that a Site may write
    `{% extends "starter/issue/layout.html" %}`. Globals: `language`, `direction` (`ltr` or `rtl`), `_()`.
    Filters: `long_date` (1 September 2026), `wrap` (plain text at 72 columns).
    Raises `ConfigError` when there is no such theme, `ContentError` for a catalogue that cannot be read.
    """
    packaged = FileSystemLoader(themes.packaged_folders(theme))
    folders = themes.folders(site_templates, theme)
    found = FileSystemLoader(folders)
    env = Environment(
        loader=ChoiceLoader([found, PrefixLoader({"starter": packaged})]),
        autoescape=select_autoescape(enabled_extensions=("html", "xml"), default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    catalogue = load_catalogue(folders, language)
    env.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    env.extend(catalogue=catalogue)
    env.globals["language"] = language
    env.globals["direction"] = direction(language)
    env.filters["long_date"] = _long_date
    env.filters["wrap"] = _wrap
    return env


def words(env: Environment) -> Catalogue:
    """The catalogue behind an environment, for sentences that are made outside its templates."""
    found: Catalogue = env.catalogue  # type: ignore[attr-defined]
    return found


def long_date(catalogue: Catalogue, day: date) -> str:
    """`1 September 2026` in the catalogue's language: its months, its order, its way with the first of a month."""
    pattern = noted("1 %(month)s %(year)s") if day.day == 1 else noted("%(day)s %(month)s %(year)s")
    month = catalogue.gettext(_MONTHS[day.month - 1])
    return catalogue.gettext(pattern) % {"day": day.day, "month": month, "year": day.year}


def render_template(env: Environment, name: str, context: Mapping[str, object]) -> str:
    """The text of template `name`.

    Raises `RenderError` when there is no such template, and `ContentError` with the template's file and
    line for everything that goes wrong inside one.
    """
    try:
        return env.get_template(name).render(context)
    except TemplateNotFound as error:
        missing = error.name or name
        by = "" if missing == name else f", which {name} asks for"
        raise RenderError(f"There is no template {missing}{by}.", hint="Look under templates/.") from error
    except TemplateSyntaxError as error:
        raise _misspelt(error, name) from error
    except ContentError:
        raise
    except Exception as error:  # whatever a template's own code may raise; the caller learns the place
        message = error.message if isinstance(error, NewsletterError) else str(error) or type(error).__name__
        hint = error.hint if isinstance(error, NewsletterError) else "The template asks for something it is not given."
        path, line = _place(env, error, name)
        raise ContentError(_sentence(message), path=path, line=line, hint=hint) from error


def compile_templates(env: Environment, folder: str) -> None:
    """Read every HTML template below `folder`, so that a misspelt one shows before a reader meets it.

    Raises `ContentError` with the file and line of the first that is no template.
    """
    for name in env.list_templates(filter_func=lambda each: each.startswith(f"{folder}/") and each.endswith(".html")):
        try:
            env.get_template(name)
        except TemplateSyntaxError as error:
            raise _misspelt(error, name) from error
        except UnicodeDecodeError as error:
            found = [path for each in _folders(env.loader) if (path := Path(each, name)).is_file()]
            raise ContentError("This template is not UTF-8.", path=found[0]) from error


def _misspelt(error: TemplateSyntaxError, name: str) -> ContentError:
    place = Path(error.filename or error.name or name)
    return ContentError(
        "This template cannot be read here.",
        path=place,
        line=error.lineno,
        hint=f"{_sentence(error.message or 'Something is misspelt')} Look for a {{% or {{{{ that is not closed, "
        "in this line or the one before.",
    )


def _place(env: Environment, error: Exception, name: str) -> tuple[Path, int]:
    """File and line of the innermost template frame; Jinja maps its compiled code back to the source."""
    folders = {Path(folder) for folder in _folders(env.loader)}
    for frame in reversed(extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if folders & set(path.parents):
            return path, frame.lineno or 0
    template: Template = env.get_template(name)
    return Path(template.filename or name), 0


def _folders(loader: object) -> list[str]:
    if isinstance(loader, FileSystemLoader):
        return list(loader.searchpath)
    if isinstance(loader, ChoiceLoader):
        return [folder for each in loader.loaders for folder in _folders(each)]
    if isinstance(loader, PrefixLoader):
        return [folder for each in loader.mapping.values() for folder in _folders(each)]
    return []


def _sentence(message: str) -> str:
    text = " ".join(message.split())
    return text[:1].upper() + text[1:].rstrip(".") + "."


@pass_environment
def _long_date(env: Environment, day: date) -> str:
    return long_date(words(env), day)


def _wrap(text: str, width: int = TEXT_WIDTH) -> str:
    """`text` as one plain-text paragraph; words longer than a line, such as addresses, stay whole."""
    spaced = _SPACES.sub(" ", text).strip()  # deliberately not `split()`, which breaks what a no-break space holds
    return textwrap.fill(spaced, width, break_long_words=False, break_on_hyphens=False)
