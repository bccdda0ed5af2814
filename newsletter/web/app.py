"""The web application: one Site, its readers' pages, and nothing else.

Everything that happens is decided below (`subscribers`, `campaigns`); here requests become values and
values become pages. GET, HEAD and OPTIONS never change anything, because mail scanners fetch every link.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask, abort, request

from newsletter.rendering.environment import compile_templates
from newsletter.site.listening import hooks_of
from newsletter.subscribers.gate import Gate
from newsletter.web import (
    access_log,
    archive,
    assets,
    confirm,
    embed,
    errors,
    feeds,
    headers,
    health,
    hooks,
    preferences,
    replies,
    signup,
    unsubscribe,
)
from newsletter.web.api import calls, routes
from newsletter.web.door import EXTENSION, Door

if TYPE_CHECKING:
    from newsletter.site import Site

MAX_FORM = 8 * 1024
"""Octets of any other posted body."""
LIMITS = {
    unsubscribe.blueprint.name: unsubscribe.MAX_BODY,
    replies.blueprint.name: replies.MAX_BODY,
    routes.blueprint.name: calls.MAX_BODY,
    hooks.blueprint.name: hooks.MAX_BODY,
}
"""Octets of a posted body, by blueprint."""


def _nobody_waits() -> None:
    """There is no sender in this process to wake."""


def create_app(site: Site, *, on_enrolled: Callable[[], None] = _nobody_waits) -> Flask:
    """The pages of `site`; `on_enrolled` is called after every commit that put mail into the ledger.

    Raises `ConfigError` when the theme's accent cannot be read, `ContentError` when one of its templates cannot,
    `SchemaError` when the database is not up to date.
    """
    app = Flask("newsletter.web", static_folder=None, template_folder=None)
    app.url_map.merge_slashes = False  # no redirects: a one-click post must be answered where it arrives
    theme = assets.theme_css(site.config.theme)
    _ = site.lists_by_id  # now, so that trouble shows here and threads find it made
    compile_templates(site.environment, "web")
    gate = Gate(site.config.signups, site.keys, is_local=site.config.is_local)
    app.extensions[EXTENSION] = Door(site, on_enrolled, gate, {"theme.css": theme}, hooks_of(site))
    for noun in (signup, embed, confirm, unsubscribe, preferences, archive, replies, feeds, hooks, assets, health):
        app.register_blueprint(noun.blueprint)
    app.register_blueprint(routes.blueprint)
    headers.install(app)
    errors.install(app)
    access_log.install(app)
    app.before_request(_refuse_much)
    return app


def _refuse_much() -> None:
    """Too long a body is refused whoever reads it, or nobody."""
    limit = LIMITS.get(request.blueprint or "", MAX_FORM)
    request.max_content_length = limit
    if (request.content_length or 0) > limit:
        abort(413)
