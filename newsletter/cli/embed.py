"""`newsletter embed`: the code that puts the sign-up form on another site."""

from __future__ import annotations

from html import escape

import click

from newsletter.cli.console import Console, console_options
from newsletter.errors import ConfigError

KINDS = ("script", "html", "iframe")

_HEIGHT = 720
"""CSS pixels of a frame that hold address, name and button on a telephone."""
_FOR_EACH = 110
"""CSS pixels more for each declared field and each further list, so that the button is never scrolled away."""


@click.command()
@click.argument("list_slug", metavar="[LIST]", required=False)
@click.option(
    "--as",
    "kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="A form that answers in its place, a form alone, or our form in a frame.",
)
@click.option("--lang", default="", help="Language of the form; the Site's when it is left out.")
@console_options
def embed(console: Console, list_slug: str | None, kind: str, lang: str) -> None:
    """Print the code that puts the form of LIST on another site, to be pasted there.

    LIST is the default list when it is left out. `script` is the plain form with one line more: without JavaScript it
    works like `html`, which opens our next page.
    """
    from newsletter.rendering.environment import render_template, words

    with console.open_site() as site:
        config = site.config
        wanted = config.list(list_slug)
        if lang and lang not in config.offered_languages:
            raise ConfigError(
                f"The pages do not speak {lang!r}.", hint="Add it to `languages` at the top of newsletter.toml."
            )
        env = site.environment_in(lang or config.language)
        spoken = words(env)
        form = render_template(
            env,
            "web/embed_form.html",
            {
                "home": config.base_url,
                "wanted": spoken.listing(wanted),
                "fields": config.fields,
                "labels": {each.name: spoken.label(each) for each in config.fields},
                "chosen": lang,
            },
        ).strip()
        title = escape(spoken.listing(wanted).title)
        address = f"{config.base_url}/embed/{wanted.slug}"
        others = sum(each.public and each.slug != wanted.slug for each in config.lists)
        height = _HEIGHT + _FOR_EACH * (len(config.fields) + others)
        choice = f"?lang={lang}" if lang else ""
    codes = {
        "script": f'{form}\n<script src="{address}.js" defer></script>',
        "html": form,
        "iframe": f'<iframe src="{address}.html{choice}" title="{title}" width="100%" height="{height}" loading="lazy" '
        'style="border: 0"></iframe>',
    }
    console.result({"list": wanted.slug, **codes}, codes[kind])
