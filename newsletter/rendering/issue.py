"""An issue rendered once for everybody: the mail in HTML and plain text, and its page for the archive.

Content is prepared here (merge tags become slots, Markdown becomes HTML, pictures get their shown
size) and arranged by the templates under `templates/issue/`, so that a theme never needs Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment
from markupsafe import Markup

from newsletter.config import Config
from newsletter.content import markdown, variants
from newsletter.content.values import Article, Author, Fitted, Image, Issue, Markdown
from newsletter.errors import ContentError, RenderError
from newsletter.rendering.environment import render_template
from newsletter.rendering.inline import inline_css
from newsletter.rendering.palette import palette
from newsletter.rendering.slots import TOKEN, Rendered, SlotBook, derive_nonce

MediaUrl = Callable[[Image], str]
Fit = Callable[[Image, int], Fitted]
"""The file of a picture for a place so many CSS pixels wide (`content.fitting`)."""

_HEADING = re.compile(r"<h([1-6])>")
_ADDRESS = re.compile(r"\b(?:href|src)=\"([^\"]*)\"")


@dataclass(frozen=True)
class Picture:
    """A picture as shown: absolute address, and the size in CSS pixels at which it fits its place."""

    url: str
    width: int
    height: int


@dataclass(frozen=True)
class Piece:
    """An article ready for templates; texts hold slot tokens, `html` is safe to print."""

    key: str
    title: str
    category: str
    author: Author
    article: Article
    excerpt: str
    html: Markup
    text: str
    link: str
    """Where the rest can be read; empty when the mail shows everything."""
    link_text: str
    link_host: str
    image_alt: str
    in_full: bool
    """Whether the mail shows the body instead of the excerpt."""
    layout: str
    """One of `LAYOUTS`: how the mail shows it, never so that words are nowhere to be read."""


def render_issue(
    env: Environment,
    issue: Issue,
    config: Config,
    *,
    view_url: str | None,
    media_url: MediaUrl,
    page_media_url: MediaUrl | None = None,
    fit: Fit | None = None,
    public: Issue | None = None,
) -> Rendered:
    """Render `issue` with slots for whatever is personal (`unsubscribe_url`, `preferences_url`, merge tags).

    `view_url` is the absolute address of the issue's page (None: there is none), `media_url` gives the
    absolute address of a picture; `page_media_url` gives the one used on the page where that should differ.
    `public` is the issue as anybody may read it on its page, when `issue` is a variant with more or less than that;
    such a variant has no page, and what differs in it stands in full in the mail, for it stands nowhere else.
    `fit` makes the files of pictures, which the result carries; without it the authors' own are referred to.
    Mail: `templates/issue/layout.{html,txt}`; page: `page.html`, with the same slots, semantic, without styles.

    Equal content makes an equal `Rendered`, wherever it lies. Raises `ContentError` at the file and line of
    whatever is wrong in content or template, `ConfigError` for an accent nobody could read.
    """
    if variants.asked(issue):
        raise RenderError("This issue has variants, and none of them was chosen.")
    fields = {field.name: field.required for field in config.fields}
    book = SlotBook(derive_nonce(*_words(issue)), fields, view_url=view_url)
    bodies = {article.key: article.body.source for article in (public or issue).articles}
    mail = _Source(book, media_url, view_url, bodies, fit)
    page = _Source(book, page_media_url or media_url, view_url, bodies, fit)
    subject = mail.front_matter("subject", issue.subject, issue.letter)
    preheader = mail.front_matter("preheader", issue.preheader, issue.letter)
    context: dict[str, object] = {
        "colours": palette(config.theme.accent),
        "config": config,
        "host": urlsplit(config.base_url).netloc,
        "issue": issue,
        "letter_text": markdown.to_text(book.tag(issue.letter)),
        "preheader": preheader,
        "slot": book.slot,
        "subject": subject,
        "view_url": view_url,
        "writers": list(
            {article.author.key: article.author for article in issue.articles if article.author.bio}.values()
        ),
    }
    in_mail = context | mail.content(issue)
    on_page = context | page.content(issue) if public is None else None
    html = inline_css(render_template(env, "issue/layout.html", in_mail).strip())
    text = render_template(env, "issue/layout.txt", in_mail).strip("\n") + "\n"
    fragment = render_template(env, "issue/page.html", on_page).strip() if on_page is not None else ""
    pictures = mail.pictures | page.pictures  # templates have asked for the last of them by now
    return Rendered(
        subject=subject,
        preheader=preheader,
        html=html,
        text=text,
        page=fragment,
        slots=book.slots,
        media=tuple(sorted(pictures)),
        pictures=tuple(pictures[name] for name in sorted(pictures)),
    )


def _words(issue: Issue) -> list[str]:
    """Everything an author wrote that may hold merge tags."""
    words = [issue.slug, issue.subject, issue.preheader, issue.letter.source]
    for article in issue.articles:
        words += [article.key, article.title, article.category, article.excerpt, article.link_text]
        words += [article.image_alt, article.body.source]
    return words


class _Source:
    """Turns one issue's content into what templates print."""

    def __init__(
        self,
        book: SlotBook,
        media_url: MediaUrl,
        view_url: str | None,
        public_bodies: Mapping[str, str],
        fit: Fit | None,
    ) -> None:
        self._book = book
        self._media_url = media_url
        self._view_url = view_url
        self._public_bodies = public_bodies
        self._fit = fit
        self.pictures: dict[str, Fitted] = {}
        """Every file that was made for this, by its name."""

    def content(self, issue: Issue) -> dict[str, object]:
        """What differs between mail and page, for a template's context."""
        first = next((article for article in issue.articles if article.layout != "digest"), None)
        return {
            "letter": self.prose(issue.letter, issue.images, top=2),
            "picture": self.picture,
            "pieces": [self.piece(article, is_first=article is first) for article in issue.articles],
        }

    def piece(self, article: Article, *, is_first: bool) -> Piece:
        """One article, shown as its author asked; in full when there is no excerpt, or nowhere to read the rest."""
        layout = article.layout or ("lead" if is_first else "card")
        is_public = self._public_bodies.get(article.key) == article.body.source
        is_short = is_public and (layout == "digest" or (layout != "full" and bool(article.excerpt)))
        link = article.link or (f"{self._view_url}#{article.key}" if self._view_url and is_short else "")
        in_full = not (is_short and link)
        return Piece(
            key=article.key,
            title=self._line("title", article.title, article),
            category=self._line("category", article.category, article),
            author=article.author,
            article=article,
            excerpt=self._line("excerpt", article.excerpt, article),
            html=self.prose(article.body, article.images, top=3),
            text=markdown.to_text(self._book.tag(article.body)),
            link=link,
            link_text=self._line("link_text", article.link_text, article),
            link_host=urlsplit(link).netloc,
            image_alt=self._line("image_alt", article.image_alt, article),
            in_full=in_full,
            layout="full" if in_full and layout != "lead" else layout,
        )

    def prose(self, source: Markdown, images: Mapping[str, Image], *, top: int) -> Markup:
        """HTML whose highest heading is `<h{top}>`, whatever level the author began with."""
        tagged = self._book.tag(source)
        html = markdown.to_html(tagged, images, self.address, heading_offset=0)
        levels = [int(level) for level in _HEADING.findall(html)]
        if levels and min(levels) != top:
            html = markdown.to_html(tagged, images, self.address, heading_offset=top - min(levels))
        self._check_addresses(html, source)
        return Markup(html)  # noqa: S704 - content/markdown has sanitised it

    def picture(self, image: Image, width: int, height: int | None = None, *, phone: int = 0) -> Picture:
        """`image` scaled into `width` × `height` pixels (height None: as tall as it needs).

        `phone` is the width at which a narrow screen shows it where that is more: a thumbnail across the whole page.
        """
        scale = width / image.width
        if height is not None:
            scale = min(scale, height / image.height)
        shown = max(1, round(image.width * scale))
        return Picture(self.address(image, max(shown, phone)), shown, max(1, round(image.height * scale)))

    def address(self, image: Image, width: int = markdown.SHOWN_WIDTH) -> str:
        """Where the file of `image` for a place so many pixels wide will be found."""
        if self._fit is None:
            return self._media_url(image)
        fitted = self._fit(image, width)
        self.pictures[fitted.media_name] = fitted
        return self._media_url(fitted)

    def front_matter(self, key: str, text: str, body: Markdown) -> str:
        """A text from the front matter above `body`, tagged; errors name the key's own line."""
        try:
            return self._book.tag(text, path=body.path)
        except ContentError as error:
            raise ContentError(error.message, path=body.path, line=_line_of(key, body), hint=error.hint) from error

    def _line(self, key: str, text: str, article: Article) -> str:
        return self.front_matter(key, text, article.body)

    def _check_addresses(self, html: str, source: Markdown) -> None:
        """A reader's data never becomes part of an address: only whole links of ours may stand there."""
        links = {slot.token for slot in self._book.slots if slot.name.endswith("_url")}
        for address in _ADDRESS.findall(html):
            tokens = TOKEN.findall(address)
            if tokens and address not in links:
                name = next(slot.name for slot in self._book.slots if slot.token in tokens)
                number = next(
                    (
                        at
                        for at, text in enumerate(source.source.split("\n"), source.line)
                        if "](" in text and name in text
                    ),
                    source.line,
                )
                raise ContentError(
                    f"{name} cannot stand inside a link's address.",
                    path=source.path,
                    line=number,
                    hint="Only {{ unsubscribe_url }} and {{ view_url }} may, alone.",
                )


def _line_of(key: str, body: Markdown) -> int:
    """The 1-based line of `key:` above `body` in its file, 0 when it is not to be found."""
    try:
        lines = Path(body.path).read_text("utf-8-sig").split("\n")[: body.line]
    except (OSError, UnicodeDecodeError):
        return 0
    return next((number for number, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 0)
