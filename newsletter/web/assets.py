"""Style sheets and pictures of the theme, found like its templates: the Site's file first, then its theme's.

The strict policy forbids inline styles, so the few values a Site sets (accent, faces, density) travel in
a tiny style sheet of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from flask import Blueprint, Response, abort, request
from werkzeug.security import safe_join

from newsletter.config.model import ThemeConfig
from newsletter.rendering import themes
from newsletter.rendering.palette import DARK_INK, WHITE, palette
from newsletter.web.door import door

blueprint = Blueprint("assets", __name__)

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""What may be served; no scripts but the one below, and no SVG, which can hold them."""

SCRIPTS = {"proof.js": "text/javascript; charset=utf-8"}
"""Runs on the one page whose policy lets it."""

ELSEWHERE = {"issue.css": "issue/page.css"}
"""Files that live beside the templates they belong to."""

_SERIF = 'Georgia, "Times New Roman", serif'
_SANS = '-apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif'


def theme_css(theme: ThemeConfig) -> str:
    """The Site's own values as custom properties. Raises `ConfigError` for an accent nobody can read."""
    colours = palette(theme.accent)
    face = _SERIF if theme.fonts == "serif" else _SANS
    space = "1" if theme.density == "comfortable" else "0.75"
    light = f"--accent: {colours.link}; --tint: {colours.tint}; --on-accent: {WHITE};"
    dark = f"--accent: {colours.accent_dark}; --tint: {colours.tint_dark}; --on-accent: {DARK_INK};"
    return (
        f":root {{ {light} --serif: {face}; --space: {space}; }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )


def find(folders: Iterable[Path], name: str) -> bytes | None:
    """The bytes of a file of the theme, or None; the first of the folders that has it wins."""
    for folder in folders:
        path = safe_join(str(folder), ELSEWHERE.get(name, f"web/static/{name}"))
        if path is not None and Path(path).is_file():
            return Path(path).read_bytes()
    return None


def cached(data: bytes, media_type: str, age: str) -> Response:
    """An answer that browsers may keep for as long as `age` says, and then ask whether it changed."""
    response = Response(data, content_type=media_type)
    response.headers["Cache-Control"] = age
    response.set_etag(hashlib.sha256(data).hexdigest()[:32])
    response.make_conditional(request)
    return response


@blueprint.get("/static/<name>")
def static(name: str) -> Response:
    """One file of the theme."""
    here = door()
    media_type = SCRIPTS.get(name) or MEDIA_TYPES.get(Path(name).suffix)
    generated = here.assets.get(name)
    folders = themes.folders(here.site.templates, here.site.config.theme.name)
    data = find(folders, name) if generated is None else generated.encode()
    if media_type is None or data is None:
        abort(404)
    return cached(data, media_type, "public, max-age=300")
