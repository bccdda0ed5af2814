"""What a page says about itself for machines: JSON-LD, microdata and meta tags, read into one small shape.

Pages disagree with the schema in every way there is: an author is a text, an object, a list or a reference
to another node; lists hold lists; the script has comments or a stray comma. Whatever can be read is read,
and the rest is left out without a word, because the visible page tells it too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

_ARTICLES = {
    *(
        "article",
        "newsarticle",
        "blogposting",
        "reportagenewsarticle",
        "scholarlyarticle",
        "techarticle",
        "socialmediaposting",
    ),
    *(
        "medicalscholarlyarticle",
        "opinionnewsarticle",
        "analysisnewsarticle",
        "backgroundnewsarticle",
        "reviewnewsarticle",
    ),
    *("report", "howto", "recipe", "liveblogposting", "advertisercontentarticle", "medicalwebpage", "review", "essay"),
}
_PAGES = {"webpage", "itempage", "faqpage", "aboutpage"}
_MAX_NODES = 4000


@dataclass(frozen=True)
class Person:
    """An author as the page's data has it."""

    name: str
    suffix: str = ""
    prefix: str = ""
    bio: str = ""
    role: str = ""
    is_person: bool = True


@dataclass
class Told:
    """The first value that each kind of data gives."""

    headline: str = ""
    authors: list[Person] = field(default_factory=list)
    published: str = ""
    modified: str = ""
    image: str = ""
    section: str = ""
    description: str = ""
    publisher: str = ""
    url: str = ""


def json_ld(tree: Any) -> Told:
    """What the article's node in the JSON-LD of a page tells."""
    roots: list[Any] = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            roots.extend(_loaded("".join(script.itertext())))
    nodes = list(_nodes(roots))
    by_id: dict[str, dict[str, Any]] = {}
    for node in nodes:
        name = node.get("@id")
        if isinstance(name, str) and len(node) > len(by_id.get(name, {})):
            by_id[name] = node
    articles = [each for each in nodes if _types(each) & _ARTICLES]
    titled = [each for each in articles if _text(each.get("headline") or each.get("name"))]
    page = clean(next((each.text_content() for each in tree.iter("title")), "")).casefold()
    own = [each for each in titled if _text(each.get("headline") or each.get("name")).casefold() in page]
    article = next(iter(own or titled or articles), None)
    pages = [each for each in nodes if _types(each) & _PAGES]
    told = Told()
    for source in [each for each in (article, *pages[:1]) if each is not None]:
        is_article = source is article
        told.headline = told.headline or (_text(source.get("headline") or source.get("name")) if is_article else "")
        if not told.authors:
            told.authors = _people(source.get("author") or (source.get("creator") if is_article else None), by_id)
        told.published = told.published or _text(source.get("datePublished") or source.get("dateCreated"))
        told.modified = told.modified or _text(source.get("dateModified"))
        told.image = told.image or _url(
            source.get("image") or source.get("thumbnailUrl") or source.get("primaryImageOfPage"), by_id
        )
        told.section = told.section or _section(source.get("articleSection"))
        told.description = told.description or _text(source.get("description"))
        told.publisher = told.publisher or _name(source.get("publisher"), by_id)
        told.url = told.url or _url(source.get("url") or source.get("mainEntityOfPage"), by_id)
    if not told.publisher:
        told.publisher = next(
            (_text(each.get("name")) for each in nodes if _types(each) & {"website", "organization"}), ""
        )
    return told


def crumbs(tree: Any) -> list[str]:
    """The names in a JSON-LD BreadcrumbList, outermost first."""
    roots: list[Any] = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            roots.extend(_loaded("".join(script.itertext())))
    for node in _nodes(roots):
        if "breadcrumblist" in _types(node) and isinstance(node.get("itemListElement"), list):
            items = [each for each in node["itemListElement"] if isinstance(each, dict)]
            names = [_text(each.get("name")) or _name(each.get("item"), {}) for each in items]
            return [name for name in names if name]
    return []


def microdata(tree: Any) -> Told:
    """What `itemprop` attributes tell."""
    told = Told()
    for element in tree.iter():
        props = (element.get("itemprop") or "").lower().split() if isinstance(element.tag, str) else []
        if not props or next(element.iterancestors("footer", "aside"), None) is not None or _in_comments(element):
            continue
        value = _value(element)
        if "headline" in props:
            told.headline = told.headline or value
        if "author" in props and len(told.authors) < 4:
            name = next(
                (_value(each) for each in element.iterdescendants() if "name" in (each.get("itemprop") or "").split()),
                "",
            )
            suffix = next(
                (_value(each) for each in element.iterdescendants() if each.get("itemprop") == "honorificSuffix"), ""
            )
            name = name or (value if not value.startswith("http") else "")
            if name and name not in {person.name for person in told.authors}:
                told.authors.append(Person(name, suffix))
        if "datepublished" in props:
            told.published = told.published or value
        if "datemodified" in props:
            told.modified = told.modified or value
        if "articlesection" in props:
            told.section = told.section or value
    return told


def meta(tree: Any) -> dict[str, list[str]]:
    """The meta tags of a page by name or property in lower case, values in order."""
    found: dict[str, list[str]] = {}
    for tag in tree.iter("meta"):
        content = clean(tag.get("content") or "")
        for name in (tag.get("property"), tag.get("name"), tag.get("itemprop")):
            if name and content:
                for each in name.lower().split():
                    found.setdefault(each, []).append(content)
    return found


def clean(text: str) -> str:
    """One line, entities resolved (pages often escape twice), nothing invisible."""
    text = unescape(text) if "&" in text else text
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text)
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _loaded(text: str) -> list[Any]:
    text = re.sub(
        r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>)\s*$",
        "",
        text,
    )
    text = text.strip().rstrip(";")
    if len(text) > 2_000_000:
        return []
    for attempt in (text, re.sub(r",\s*([}\]])", r"\1", text)):
        try:
            return [json.loads(attempt, strict=False)]
        except (ValueError, RecursionError):
            continue
    return []


def _nodes(roots: list[Any]) -> Iterator[dict[str, Any]]:
    """Every object that has a type, breadth first; nested articles (in lists of others) come late."""
    queue = list(roots)
    seen = 0
    while queue and seen < _MAX_NODES:
        value = queue.pop(0)
        seen += 1
        if isinstance(value, list):
            queue.extend(value)
        elif isinstance(value, dict):
            if value.get("@type") or value.get("@id"):
                yield value
            queue.extend(
                each
                for key, each in value.items()
                if isinstance(each, dict | list) and key not in {"comment", "review"}
            )


def _types(node: dict[str, Any]) -> set[str]:
    types = node.get("@type")
    return {
        each.rpartition("/")[2].lower()
        for each in (types if isinstance(types, list) else [types])
        if isinstance(each, str)
    }


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = next((each for each in value if each), "")
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name") or ""
    return clean(re.sub(r"<[^>]{1,200}>", " ", value)) if isinstance(value, str) else ""


def _section(value: Any) -> str:
    if isinstance(value, list):
        value = next((each for each in value if isinstance(each, str) and each.strip()), "")
    return _text(value)


def _people(value: Any, by_id: dict[str, dict[str, Any]]) -> list[Person]:
    found: list[Person] = []
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, list):
            found.extend(_people(each, by_id))
            continue
        if isinstance(each, dict):
            node = {**by_id.get(str(each.get("@id")), {}), **each}
            name = node.get("name")
            names = name if isinstance(name, list) else [name]
            if not any(isinstance(one, str) and one for one in names) and (
                node.get("givenName") or node.get("familyName")
            ):
                names = [f"{_text(node.get('givenName'))} {_text(node.get('familyName'))}".strip()]
            found.extend(
                Person(
                    name=_text(one),
                    suffix=", ".join(filter(None, map(_text, _as_list(node.get("honorificSuffix"))))),
                    prefix=_text(node.get("honorificPrefix")),
                    bio=_text(node.get("description")),
                    role=_text(node.get("jobTitle")),
                    is_person="organization" not in _types(node) and "newsmediaorganization" not in _types(node),
                )
                for one in names
                if _text(one)
            )
        elif isinstance(each, str) and clean(each) and not each.startswith(("http://", "https://")):
            found.append(Person(_text(each)))
    unique: list[Person] = []
    for person in found:
        if person.name not in {other.name for other in unique}:
            unique.append(person)
    return unique


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _name(value: Any, by_id: dict[str, dict[str, Any]]) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        return _text(value.get("name")) or _text(by_id.get(str(value.get("@id")), {}).get("name"))
    return _text(value) if isinstance(value, str) and not value.startswith("http") else ""


def _url(value: Any, by_id: dict[str, dict[str, Any]]) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        node = {**by_id.get(str(value.get("@id")), {}), **value}
        inner = node.get("url") or node.get("contentUrl")
        inner = inner if inner else (node.get("@id") if not node.get("@type") else "")
        return _url(inner, {}) if isinstance(inner, list | str) else ""
    return clean(value) if isinstance(value, str) and "#" not in value else ""


def _value(element: Any) -> str:
    for name in ("content", "datetime"):
        if element.get(name):
            return clean(element.get(name))
    return clean(" ".join(element.itertext()))[:300]


def _in_comments(element: Any) -> bool:
    return any("comment" in f"{each.get('class', '')} {each.get('id', '')}".lower() for each in element.iterancestors())
