"""What every page shares: the Site behind it, the form tokens, and one way to answer.

The application keeps exactly one `Door`; views ask for it with `door()` instead of importing globals,
so that two Sites can be served by one process and a test can hand in its own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Response, current_app, request

from newsletter.campaigns.publication import Head
from newsletter.config import ListConfig
from newsletter.feedback.webhooks import Hook
from newsletter.rendering.environment import render_template, words
from newsletter.rendering.translation import Catalogue
from newsletter.subscribers.consent import Evidence, truncated_network
from newsletter.subscribers.gate import FormTokens, Gate
from newsletter.web import language, posted
from newsletter.web.signup_box import SignupBox

if TYPE_CHECKING:
    from newsletter.site import Site

EXTENSION = "newsletter"

_MAX_AGENT = 200
_FROM_OUR_OWN_PAGES = frozenset({"same-origin", "none"})


@dataclass(frozen=True)
class Door:
    """The Site, as seen from the web."""

    site: Site
    on_enrolled: Callable[[], None]
    """Called after a commit that put mail into the ledger."""
    gate: Gate
    assets: dict[str, str] = field(default_factory=dict)
    """Generated style sheets by name."""
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    """Who may post what comes back, by the provider's name."""
    feeds: dict[str, tuple[tuple[Head, ...], bytes]] = field(default_factory=dict)
    """Feeds by name as last written, and from what; they are asked for far more often than they change."""

    @property
    def forms(self) -> FormTokens:
        """Signs the forms that are served."""
        return self.gate.forms

    @property
    def offered(self) -> tuple[str, ...]:
        """The languages of the pages, the Site's own first."""
        return self.site.config.offered_languages

    @property
    def language(self) -> str:
        """What the present answer speaks."""
        return language.spoken(self.offered)

    @property
    def words(self) -> Catalogue:
        """The interface texts of the present answer."""
        return words(self.site.environment_in(self.language))

    def page(self, name: str, status: int = 200, **context: object) -> Response:
        """`templates/web/<name>.html` as a response."""
        return self.answer(self.html(name, **context), status)

    def answer(self, html: str, status: int = 200) -> Response:
        """A whole page as a response."""
        response = Response(html, status, content_type="text/html; charset=utf-8")
        response.content_language.add(self.language)
        if language.depends_on_browser(self.offered):
            response.vary.add("Accept-Language")
        return response

    def html(self, name: str, **context: object) -> str:
        """The text of `templates/web/<name>.html`."""
        config = self.site.config
        everything: dict[str, object] = {
            "config": config,
            "host": urlsplit(config.base_url).netloc,
            "alternatives": language.alternatives(self.offered),
            "at": self.at,
            **context,
        }
        return render_template(self.site.environment_in(self.language), f"web/{name}.html", everything)

    def at(self, path: str) -> str:
        """A path of ours that keeps the language the reader has chosen."""
        return language.at(path, self.offered)

    def box(self, wanted: ListConfig, path: str) -> SignupBox:
        """An empty sign-up box for a list, as it stands on the page at `path`."""
        config, speak = self.site.config, self.words
        return SignupBox(
            speak.listing(wanted),
            path,
            self.forms.issue(form_name(path), self.site.clock()),
            others=tuple(speak.listing(each) for each in config.lists if each.public and each.slug != wanted.slug),
            labels={each.name: speak.label(each) for each in config.fields},
            language=self.language if len(self.offered) > 1 else "",
        )

    def lists(self, list_ids: Sequence[int]) -> list[ListConfig]:
        """The lists behind row numbers, in the page's language; one taken out of the configuration is left out."""
        known = self.site.lists_by_id
        return [self.words.listing(known[list_id]) for list_id in list_ids if list_id in known]


def door() -> Door:
    """The Door of the application that answers the present request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Door)  # noqa: S101 - put there by create_app
    return found


def form_name(path: str) -> str:
    """What a form token of the page at `path` is signed for: a token also proves where its form stood."""
    return f"signup {path}"


def evidence(source: str, origin: str = "") -> Evidence:
    """Where the present request comes from, cut down to what proof needs."""
    agent = "".join(character for character in request.user_agent.string if character.isprintable())
    return Evidence(source, truncated_network(request.remote_addr or ""), agent[:_MAX_AGENT], origin=origin)


def is_cross_site() -> bool:
    """Whether a browser says that this post does not come from a page of ours.

    `Sec-Fetch-Site` decides where it is sent. Older browsers send `Origin`, which is `null` under our own
    `Referrer-Policy: no-referrer` and so says nothing; a program that sends neither is not a browser.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in _FROM_OUR_OWN_PAGES
    if request.headers.get("Origin", "null") == "null":
        return False
    return posted.origin().netloc not in {request.host, urlsplit(door().site.config.base_url).netloc}
