"""Dates, category and lead picture of a page: what its data, its head and its visible words tell, in that order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from urllib.parse import urljoin, urlsplit

from newsletter.content.importing.as_markdown import picture_source
from newsletter.content.importing.dates import read_date
from newsletter.content.importing.structured import Told, clean
from newsletter.content.importing.titles import plain
from newsletter.content.importing.visible import View, names_of, text_lines, text_of

_PUBLISHED = (
    "article:published_time",
    "article:published",
    "og:published_time",
    "datepublished",
    "dc.date.issued",
    "dcterms.created",
    "dc.date.created",
    "parsely-pub-date",
    "sailthru.date",
    "pubdate",
    "publishdate",
    "publish-date",
    "publish_date",
    "published",
    "date",
    "dc.date",
    "dcterms.date",
    "citation_publication_date",
    "citation_date",
    "article.published",
    "cxenseparse:recs:publishtime",
    "ptime",
)
_MODIFIED = (
    "article:modified_time",
    "og:updated_time",
    "datemodified",
    "dcterms.modified",
    "dc.date.modified",
    "last-modified",
    "lastmod",
    "article.updated",
    "revised",
    "updated",
)
_SECTIONS = (
    "article:section",
    "parsely-section",
    "section",
    "category",
    "article.section",
    "sailthru.section",
    "dc.subject.category",
    "cxenseparse:category",
)
_UPDATED_WORDS = re.compile(
    r"\b(?:updated|modified|revised|edited|aktualisiert|mis à jour|actualizado|last (?:updated|reviewed|modified))\b",
    re.IGNORECASE,
)
_WRITTEN_WORDS = re.compile(
    r"\b(?:published|posted|written|created|added|veröffentlicht|publié|publicado)\b",
    re.IGNORECASE,
)
_FILED = re.compile(
    r"^(?:filed under|posted in|published in|this entry was posted in|categor(?:y|ies)|section|labels?|in)"
    r"\s*:?\s*(.{2,60})$",
    re.IGNORECASE,
)
_CATEGORY_NAMES = re.compile(
    r"(?:^|[\s_-])(?:cat-?links?|post-?categor(?:y|ies)|entry-?categor(?:y|ies)|article-?(?:category|section|kicker)|categor(?:y|ies)(?:-?(?:name|label|link|tag|badge))?|kicker|eyebrow|section-?(?:name|label|tag|link)|overline|primary-?tag|post-?tag|topic(?:-?(?:label|tag|name))?|rubric|channel|pill|badge)(?:$|[\s_-])",
    re.IGNORECASE,
)
_NO_CATEGORY = {
    *("home", "start", "all posts", "all articles", "see all", "back", "menu", "all", "index", "main", "default"),
    *("category", "categories", "topics", "uncategorized", "uncategorised"),
}
_VAGUE = {"blog", "news", "articles", "article", "posts", "general", "featured", "latest"}
_OTHER = re.compile(
    r"comment|related|sidebar|widget|recommend|teaser|(?:^|[\s_-])card(?:$|[\s_-])|more-|latest|popular|copyright",
    re.IGNORECASE,
)
_NO_PICTURE = re.compile(
    r"logo|icon|avatar|gravatar|sprite|placeholder|pixel|badge|spinner|default[-_]?(?:image|og|social|share)|\.svg(?:\?|$)|profile[-_]?(?:pic|photo)|author",
    re.IGNORECASE,
)


def find_dates(
    view: View, told: Sequence[Told], meta: dict[str, list[str]], language: str
) -> tuple[date | None, date | None]:
    """When it was written and when updated; either may be unknown."""
    day_first = None if not language else language.lower() not in {"en", "en-us"}
    written = _first((source.published for source in told), None) or _first(
        (value for key in _PUBLISHED for value in meta.get(key, [])[:1]), day_first
    )
    updated = _first((source.modified for source in told), None) or _first(
        (value for key in _MODIFIED for value in meta.get(key, [])[:1]), day_first
    )
    if written and updated:
        return written, updated
    shown_written, shown_updated, plain = _shown(view, day_first)
    return written or shown_written or plain, updated or shown_updated


def _first(values: Iterator[str], day_first: bool | None) -> date | None:
    return next((found for value in values if value and (found := read_date(value, day_first=day_first))), None)


def _shown(view: View, day_first: bool | None) -> tuple[date | None, date | None, date | None]:
    """Dates on the visible page: with a word for written, with a word for updated, and without one."""
    written = updated = plain = None
    for element in view.tree.iter(
        "time", "p", "span", "div", "li", "small", "abbr", "dd", "em", "address", "td", "strong", "h4", "h5", "h6", "a",
        "font", "i", "b", "center", "dt",
    ):  # fmt: skip
        if not (view.sizes[element] <= 400 and (view.sizes[element] or element.get("datetime"))):
            continue
        if len(element) > 14 or view.within(element, _is_other):
            continue
        text = text_lines(element)
        if not text or len(text) > 260:
            continue
        is_time = element.tag == "time"
        stamp = element.get("datetime") or (element.get("content") if is_time else "") or ""
        names = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('itemprop') or ''}"
        is_dated = is_time or bool(re.search(r"date|time|publish|posted|meta|byline", names, re.IGNORECASE))
        for line in _pieces(text):
            if re.search(r"\breview|fact.check|©|copyright", line, re.IGNORECASE) and not _UPDATED_WORDS.search(line):
                continue
            day = read_date(stamp, day_first=day_first) if stamp else read_date(line, day_first=day_first)
            if day is None or not 1990 <= day.year <= 2100:
                continue
            before = line if len(line) < 120 else ""
            if _UPDATED_WORDS.search(before) or re.search(r"updated|modified", names, re.IGNORECASE):
                updated = updated or day
            elif _WRITTEN_WORDS.search(before) or re.search(r"published", names, re.IGNORECASE):
                written = written or day
            elif (
                is_dated or len(re.sub(r"\W", "", line)) < 22 or re.match(r"(?:by|von|par|por)\b", line, re.IGNORECASE)
            ):
                plain = plain or day
    return written, updated, plain


def _pieces(text: str) -> list[str]:
    """A line of meta data cut where a new statement begins."""
    text = re.sub(r"\s*\n\s*", "\n", text)
    text = re.sub(
        r"\b(published|posted|written|updated|on|modified|reviewed|:)\s*:?\n", r"\1 ", text, flags=re.IGNORECASE
    )
    return [
        piece.strip(" ,;()")
        for piece in re.split(
            r"[|•·\n;]|\s[-–—]\s|(?<=\d\d)\s*[.,]?\s+(?=(?:last\s+)?(?:updated|modified|revised|published|posted|written|reviewed)\b)|\((?=updated)",
            text,
            flags=re.IGNORECASE,
        )
        if piece.strip()
    ]


def _is_other(view: View, element: Any) -> bool:
    """Whether an element is a small part of the page that tells of something else."""
    if element.tag in {"body", "html", "main", "article"}:
        return False
    if element.tag in {"footer", "aside", "nav"}:
        return element.tag != "footer" or next(element.iterancestors("article"), None) is None
    is_small = view.sizes[element] < min(3000, 0.35 * view.sizes.whole)
    return is_small and bool(_OTHER.search(names_of(element))) and next(element.iter("h1"), None) is None


def find_category(
    view: View, told: Sequence[Told], meta: dict[str, list[str]], crumbs: Sequence[str], title: str
) -> str:
    """The category line ("filed under"), or an empty text."""
    filed = ""
    links: list[str] = []
    labels: list[str] = []
    tags: list[str] = []
    for element in view.tree.iter(
        "p", "div", "span", "a", "li", "small", "strong", "footer", "em", "ul", "dd", "dt", "h2", "h3", "h4", "h5", "h6"
    ):
        text = clean(text_of(element)) if len(element) < 8 and view.sizes[element] <= 200 else ""
        if not 2 <= len(text) <= 80 or (
            view.within(element, _is_other) and element.tag != "a" and not _FILED.match(text)
        ):
            continue
        names = names_of(element)
        found = _FILED.match(text)
        if (
            found
            and not filed
            and (
                re.match(r"filed|posted in|this entry|categor|labels?:", text, re.IGNORECASE)
                or _CATEGORY_NAMES.search(names)
            )
        ):
            first = next((text_of(link) for link in element.iter("a") if text_of(link)), "")
            filed = first or re.split(r"\s*(?:[|·•]|\btag)", found[1], flags=re.IGNORECASE)[0].split(",")[0].strip()
        elif (
            element.tag == "a"
            and {"category", "tag"} <= set((element.get("rel") or "").lower().split())
            and not view.within(element, _is_other)
        ):
            links.append(text)
        elif _CATEGORY_NAMES.search(names) and len(text) <= 45 and not re.search(r"\d{4}|^by ", text, re.IGNORECASE):
            labels.append(
                next((text_of(link) for link in element.iter("a") if text_of(link)), "") or text.split(",")[0]
            )
        elif (
            element.tag == "a"
            and re.search(r"/(?:category|categories|section|topics?)/", element.get("href") or "")
            and _near_title(element)
        ):
            labels.append(text)
        if element.tag == "a" and "tag" in (element.get("rel") or "").lower().split():
            tags.append(text)
    trail = [each for each in crumbs if plain(each) not in {plain(title), "home"}]
    trail = trail or _visible_crumbs(view, title)
    candidates = [
        *(source.section for source in told),
        *(value for key in _SECTIONS for value in meta.get(key, [])[:1]),
        filed,
        *links[:1],
        *_filed_by_twitter(meta),
        *labels[:2],
        *_above_title(view),
        *trail[-1:],
        *tags[:1],
        *meta.get("article:tag", [])[:1],
    ]
    usable = [
        clean(each)
        for each in candidates
        if each and plain(each) not in {plain(title), "", *_NO_CATEGORY} and len(each) <= 60 and "://" not in each
    ]
    return next((each for each in usable if plain(each) not in _VAGUE), usable[0] if usable else "")


def _above_title(view: View) -> list[str]:
    """One or two words that stand right above the heading."""
    heading = next(view.tree.iter("h1"), None)
    before = heading.getprevious() if heading is not None else None
    if before is None or before.tag not in {"p", "span", "div", "a", "small", "strong"}:
        return []
    text = text_of(before)
    is_label = (
        0 < len(text) <= 40 and len(text.split()) <= 4 and not re.search(r"\d|\bby\b|[.!?:/»>]", text, re.IGNORECASE)
    )
    return [text] if is_label else []


def _filed_by_twitter(meta: dict[str, list[str]]) -> list[str]:
    """Ghost and others put the category into the two free fields of a Twitter card."""
    return [
        value
        for number in ("1", "2")
        for value in meta.get(f"twitter:data{number}", [])[:1]
        if re.match(r"filed|categor|section", "".join(meta.get(f"twitter:label{number}", [])), re.IGNORECASE)
    ]


def _near_title(element: Any) -> bool:
    return any(each.tag in {"article", "header", "main"} for each in element.iterancestors()) and not any(
        each.tag in {"nav", "aside", "footer"} for each in element.iterancestors()
    )


def _visible_crumbs(view: View, title: str) -> list[str]:
    for element in view.tree.iter("nav", "ol", "ul", "div", "p"):
        names = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('aria-label') or ''}"
        if re.search(r"breadcrumb|\bcrumbs?\b", names, re.IGNORECASE):
            found = [text_of(link) for link in element.iter("a")]
            return [each for each in found if each and plain(each) not in {"home", "start", plain(title)}]
    return []


def find_picture(view: View, told: Sequence[Told], meta: dict[str, list[str]], base_url: str) -> tuple[str, str]:
    """Address and description of the lead picture; both empty when there is none."""
    for value in [
        *(meta.get("og:image", [])[:1]),
        *(meta.get("og:image:url", [])[:1]),
        *(source.image for source in told),
        *(meta.get("twitter:image", [])[:1]),
        *(meta.get("twitter:image:src", [])[:1]),
    ]:
        address = _joined(base_url, value) if value else ""
        if address and not re.search(
            r"logo|icon|placeholder|sprite|\.svg(?:\?|$)", address.rpartition("/")[2], re.IGNORECASE
        ):
            alt = next(iter(meta.get("og:image:alt", []) or meta.get("twitter:image:alt", [])), "")
            return address, alt or _alt_of(view, address)
    shown = [
        *(
            image
            for each in view.tree.iter("figure", "div", "picture", "header")
            if re.search(
                r"featured|hero|lead|wp-post-image|post-?thumbnail|cover|main-?image",
                names_of(each),
                re.IGNORECASE,
            )
            for image in each.iter("img")
        ),
        *(
            image
            for image in view.tree.iter("img")
            if re.search(r"wp-post-image|featured|hero|lead", image.get("class") or "", re.IGNORECASE)
        ),
        *(image for each in view.tree.iter("article", "main") for image in each.iter("img")),
    ]
    for image in shown:
        source = picture_source(image, base_url)
        around = " ".join(each.get("class") or "" for each in [image, *image.iterancestors()][:4])
        names = f"{source.rpartition('/')[2]} {around}"
        if source and not _NO_PICTURE.search(names) and not view.within(image, _is_other):
            return source, clean(image.get("alt") or "")
    return "", ""


def _alt_of(view: View, address: str) -> str:
    name = urlsplit(address).path.rpartition("/")[2]
    stem = re.sub(r"-\d+x\d+(?=\.\w+$)", "", name)
    return next(
        (
            clean(image.get("alt"))
            for image in view.tree.iter("img")
            if image.get("alt") and stem and stem.rpartition(".")[0] in picture_source(image)
        ),
        "",
    )


def _joined(base_url: str, value: str) -> str:
    try:
        joined = urljoin(base_url, value) if base_url and value else value
        scheme = urlsplit(joined).scheme
    except ValueError:
        return ""
    return joined if scheme in {"http", "https"} or (value and not scheme and not base_url) else ""
