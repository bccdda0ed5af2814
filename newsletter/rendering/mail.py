"""The small mails around a subscription: please confirm, welcome, goodbye.

They are written to one person about one act, so they carry nothing else: no issue, no picture, and
nothing a stranger typed into the form.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from jinja2 import Environment

from newsletter.config import Config
from newsletter.rendering.environment import render_template
from newsletter.rendering.inline import inline_css
from newsletter.rendering.palette import palette
from newsletter.rendering.slots import Rendered, SlotBook, derive_nonce

NAMES = ("confirm", "welcome", "goodbye")
"""The mails about lists; each is a folder under `templates/mail/`."""
ABOUT_PEOPLE = ("access", "address", "moved")
"""The mails about a reader's own data, beside them."""


def render_mail(env: Environment, name: str, config: Config, *, lists: Sequence[str], **context: object) -> Rendered:
    """Render `templates/mail/<name>/{subject.txt,body.txt,body.html}`, with slots for what is personal.

    `lists` are the titles of the lists concerned, from the configuration. Further context and slots by mail:

    - `confirm`: `requested_on` (a date in words); slots `confirm_url`, `not_me_url`.
    - `welcome`: `archive_url` (None when private); slots `subscriber.first_name`, `unsubscribe_url`.
    - `goodbye`: `signup_url`.
    - `access`: `requested_on`; slot `access_url`. `address`: `requested_on`; slot `new_address_url`.
    - `moved`: slot `new_address`, masked.
    - `replies`, to the editor: `replies` (subscribers/replies.Reply), `count`, and how many `more` wait.

    Equal arguments make an equal `Rendered`. Raises `ContentError` at a template's file and line.
    """
    nonce = derive_nonce(name, config.name, *lists, *(f"{key}={context[key]}" for key in sorted(context)))
    book = SlotBook(nonce, {field.name: field.required for field in config.fields})
    everything: dict[str, object] = {
        "config": config,
        "colours": palette(config.theme.accent),
        "host": urlsplit(config.base_url).netloc,
        "lists": list(lists),
        "slot": book.slot,
        **context,
    }
    subject = " ".join(render_template(env, f"mail/{name}/subject.txt", everything).split())
    text = render_template(env, f"mail/{name}/body.txt", everything).strip("\n") + "\n"
    html = render_template(env, f"mail/{name}/body.html", {**everything, "subject": subject}).strip()
    return Rendered(subject, "", inline_css(html), text, book.slots)
