"""Who wrote a page and what is said about them: from its data, its byline and its author box, in that order.

Data usually knows the name, the visible byline knows the credentials, the box at the end knows the story.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from newsletter.content.importing.bylines import (
    is_credential,
    is_name,
    join_names,
    plain_name,
    same_person,
    split_byline,
)
from newsletter.content.importing.dates import read_date
from newsletter.content.importing.structured import Person, Told
from newsletter.content.importing.titles import plain
from newsletter.content.importing.values import Writer
from newsletter.content.importing.visible import View, any_of, link_share, names_of, text_lines, text_of

_META = (
    "author",
    "article:author",
    "parsely-author",
    "sailthru.author",
    "byl",
    "dc.creator",
    "dcterms.creator",
    "dc.contributor",
    "citation_author",
    "og:article:author",
    "article.author",
    "cxenseparse:author",
    "authors",
    "twitter:data1",
)
_CATALOGUED = {"citation_author", "dc.creator", "dcterms.creator", "dc.contributor"}
_BYLINE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:by-?line(?:s|[_-]+(?:name|author))?|author(?:s|[_-]*name|[_-]*link|[_-]*title)?|p-author|post-?author(?:-?name)?|entry-?author(?:-?name)?|"
    r"article-?author|writer|written-?by|contributor|vcard|fn|dc-creator|posted-?by)(?:$|[\s_-])",
    re.IGNORECASE,
)
_OTHER_PEOPLE = re.compile(
    r"review|comment|reply|editor\b|fact|photo|related|sidebar|widget|footer|card|teaser|listing|carousel|recommend|more-|promo|nav\b|menu",
    re.IGNORECASE,
)
_BOX_NAMES = re.compile(
    r"(?:^|[\s_-])(?:author-?(?:box|bio|info|card|profile|desc\w*|details|about|block|content|section|text|wrap\w*|container|area|footer)|about-?(?:the-?)?author\w*|bio(?:graphy)?(?:-?(?:box|text|content))?|"
    r"abh_\w+|saboxplugin\w*|m-a-box\w*|molongui\w*|post-?author|entry-?author|writer-?bio|contributor-?bio|guest-?author)(?:$|[\s_-])",
    re.IGNORECASE,
)
_BIO_NAMES = re.compile(
    r"(?:^|[\s_-])(?:(?:author|writer|contributor|user)?[_-]*(?:bio(?:graphy)?|desc(?:ription)?|about)(?:-?(?:text|content|body|info|copy|wrap))?|saboxplugin-desc|abh_description)(?:$|[\s_-])",
    re.IGNORECASE,
)
_BIO_NOISE = any_of(
    r"about(?: the)? authors?.{0,60}|about .{0,60}|more (?:posts|articles|stories|from|by).{0,60}|follow.{0,60}",
    r"(?:view|see|read|find) (?:all|more|full|his|her|their|other).{0,80}|connect with.{0,60}|latest posts.{0,60}",
    r"(?:posts|articles|stories) by .{0,60}|website|twitter|x|facebook|linkedin|instagram|e-?mail|author|bio",
    r"learn more.{0,60}|read (?:bio|more).{0,40}|written by.{0,80}|by .{0,60}|full bio.{0,40}|visit .{0,60}",
    r"share.{0,30}|\d+ (?:posts|articles)",
)
_VISIBLE_BY = any_of(
    r"(?:(?:article|story|text|words|post(?:ed)?|written|published|authored|guest post)\s+)?"
    r"(?:by|von|par|por|author|autor|auteur|written by|(?:text|words|story)(?=\s*:))\b\s*:?\s*\S"
)


def find_writer(
    view: View, told: Sequence[Told], meta: dict[str, list[str]], names: frozenset[str], hint: str = ""
) -> Writer:
    """The writer of the page; `names` are the site's own, `hint` is a name found by other means and used last."""
    named = _from_data(told, meta, names)
    visible = list(_bylines(view))
    if not named:
        person = next((each for each in visible if plain_name(each[0]) not in names), None)
        if person is None and hint:
            person = split_byline(hint)
            person = person if person[0] and plain_name(person[0]) not in names else None
        named = [Person(person[0], ", ".join(person[1]))] if person else []
    if not named:
        return Writer()
    name = join_names([person.name for person in named])
    if name.isupper():
        name = next((shown for shown, _ in visible if same_person(shown, name) and not shown.isupper()), name)
    credentials = _suffixes(named[0]) if len(named) == 1 else ()
    if len(named) == 1 and not credentials:
        credentials = next((found for shown, found in visible if found and _alike(shown, name)), ())
        credentials = credentials or _mentioned_with(view.tree, name)
    bio, role = "", ""
    if len(named) == 1:
        bio = _bio(view, name) or (named[0].bio if len(named[0].bio) > 30 else "")
        role = named[0].role
    return Writer(name=name, credentials=credentials, bio=bio, role=role)


def _from_data(told: Sequence[Told], meta: dict[str, list[str]], names: frozenset[str]) -> list[Person]:
    for source in told:
        people = [checked for person in source.authors if person.is_person and (checked := _checked(person, names))]
        if people:
            return people[:4]
    for key in _META:
        if key == "twitter:data1" and "written" not in " ".join(meta.get("twitter:label1", [])).lower():
            continue
        people = [checked for value in dict.fromkeys(meta.get(key, [])) if (checked := _checked(Person(value), names))]
        if people:
            return (
                people[:4]
                if key in {"citation_author", "dc.creator", "author", "article:author", "parsely-author"}
                else people[:1]
            )
    return []


def _forwards(name: str) -> str:
    """A name as catalogues write it, "Feld, Nora", the other way round."""
    surname, comma, given = name.partition(", ")
    is_turned = comma and "," not in given and not is_credential(given) and len(given.split()) <= 3
    return f"{given} {surname}" if is_turned and is_name(given.replace(".", "")) else name


def _checked(person: Person, names: frozenset[str]) -> Person | None:
    """The person with credentials told apart, or None when this names nobody."""
    if "://" in person.name or "@" in person.name or person.name.startswith(("www.", "/")):
        return None
    name, credentials = split_byline(person.name)
    is_site = any(len(site) > 3 and plain(person.name).startswith(site) for site in names)
    if not name or is_site or plain_name(name) in names:
        return None
    if person.prefix and not name.lower().startswith(person.prefix.lower().rstrip(".")):
        name = f"{person.prefix} {name}"
    suffix = ", ".join(filter(None, (", ".join(credentials), person.suffix)))
    return Person(name, suffix, "", person.bio, person.role)


def _suffixes(person: Person) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in person.suffix.split(",") if part.strip()))


def _alike(shown: str, name: str) -> bool:
    return same_person(shown, name) or plain_name(name) in plain_name(shown) or plain_name(shown) in plain_name(name)


def _bylines(view: View) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What the visible page offers as a byline, the likeliest first."""
    marked: list[tuple[Any, str]] = []
    unmarked: list[tuple[Any, str]] = []
    for element in view.tree.iter():
        if not isinstance(element.tag, str) or element.tag in {
            "html",
            "head",
            "body",
            "main",
            "article",
            "script",
            "style",
            "meta",
            "link",
            "img",
            "svg",
        }:
            continue
        name = names_of(element)
        rel = (element.get("rel") or "").lower().split()
        prop = (element.get("itemprop") or "").lower().split()
        data = element.get("data-testid") or element.get("data-component") or ""
        is_marked = (
            "author" in rel or "author" in prop or bool(_BYLINE_NAMES.search(name) or _BYLINE_NAMES.search(data))
        )
        if not is_marked and element.tag not in {
            "p",
            "div",
            "span",
            "address",
            "small",
            "li",
            "em",
            "strong",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            *("td", "font", "i", "b", "cite", "dd", "dt", "center", "header"),
        }:
            continue
        if not is_marked and len(element) > 12:
            continue
        if not 0 < view.sizes[element] <= 400:
            continue
        text = text_lines(element)
        if not text or len(text) > (240 if is_marked else 180):
            continue
        if not is_marked and not _VISIBLE_BY.match(text):
            continue
        if view.within(element, _is_elsewhere):
            continue
        (marked if is_marked else unmarked).append((element, text))
    ranked = [
        *(each for each in marked if _VISIBLE_BY.match(each[1])),
        *unmarked[:6],
        *_labelled(view),
        *marked,
        *_below_title(view),
    ]
    for _element, text in ranked:
        name, credentials = split_byline(text)
        if name and (len(name.split()) > 1 or _VISIBLE_BY.match(text)):
            yield name, credentials


def _below_title(view: View) -> Iterator[tuple[Any, str]]:
    """Lines right below the heading that hold a name together with credentials or a date, without a "by"."""
    heading = next(view.tree.iter("h1"), None)
    if heading is None:
        return
    for element in [
        *heading.itersiblings(),
        *(heading.getparent().itersiblings() if heading.getparent() is not None else ()),
    ][:4]:
        if 0 < view.sizes[element] <= 140:
            text = text_lines(element)
            name, credentials = split_byline(text)
            if len(name.split()) >= 2 and (credentials or read_date(text)):
                yield element, text


def _labelled(view: View) -> Iterator[tuple[Any, str]]:
    """Names behind a label: "Author:" in a list of facts, or a link behind the bare word "by"."""
    for label in view.tree.iter("dt", "th", "td", "b", "strong", "span"):
        if 0 < view.sizes[label] <= 20 and re.fullmatch(
            r"(?:author|writer|(?:written )?by)s?\s*:?", text_of(label), re.IGNORECASE
        ):
            value = label.getnext()
            if value is not None and 0 < view.sizes[value] <= 120 and not view.within(label, _is_elsewhere):
                yield value, f"By {text_lines(value)}"
    for link in view.tree.iter("a", "b", "strong", "em", "i"):
        before = link.getprevious()
        text = (
            before.tail if before is not None else link.getparent().text if link.getparent() is not None else ""
        ) or ""
        is_behind_by = len(text) < 60 and re.search(r"(?:^|[\s|·(])(?:by|von|par|por)\s*:?\s*$", text, re.IGNORECASE)
        if is_behind_by and 0 < view.sizes[link] <= 60 and not view.within(link, _is_elsewhere):
            yield link, f"By {text_of(link)}{(link.tail or '')[:40]}"


def _is_elsewhere(view: View, element: Any) -> bool:
    """Whether an element belongs to comments, teasers of other articles, or somebody who only reviewed."""
    if element.tag in {"body", "html", "main", "article"}:
        return False
    if element.tag in {"footer", "aside", "nav"} and next(element.iter("p"), None) is None:
        return True
    names = names_of(element)
    is_small = view.sizes[element] < min(4000, 0.35 * view.sizes.whole)
    return is_small and bool(_OTHER_PEOPLE.search(names)) and "author-card" not in names


def _mentioned_with(tree: Any, name: str) -> tuple[str, ...]:
    """Credentials that stand behind the name somewhere on the page: "Nora Feld, PT, DPT"."""
    text = text_of(tree)
    for match in list(re.finditer(re.escape(name) + r"\s*,\s*([^|•·\n]{2,60})", text))[:8]:
        shown, credentials = split_byline(f"{name}, {match[1]}")
        if credentials and same_person(shown, name):
            return credentials
    return ()


def _bio(view: View, name: str) -> str:
    """The story in the author's box."""
    boxes = [
        element
        for element in view.tree.iter("div", "section", "aside", "p", "footer", "article", "address", "li", "span")
        if _is_box(view, element)
    ]
    candidates = [bio for box in boxes if (bio := _box_text(box, name))]
    for heading in view.tree.iter("h2", "h3", "h4", "h5", "h6", "strong", "b"):
        text = text_of(heading)
        if re.match(r"about (?:the )?authors?\b|author bio", text, re.IGNORECASE) or (
            re.match(r"(?:about|meet|written by) ", text, re.IGNORECASE)
            and plain_name(name).rpartition(" ")[2] in text.casefold()
        ):
            parent = heading if heading.tag not in {"strong", "b"} else heading.getparent()
            if parent is not None:
                parts: list[str] = []
                for sibling in parent.itersiblings():
                    if sibling.tag in {"h1", "h2", "h3", "h4", "h5", "h6", "form", "nav", "hr"} or len(parts) > 3:
                        break
                    parts.append(_box_text(sibling, name))
                candidates.append(" ".join(filter(None, parts)))
    good = [text for text in candidates if 30 <= len(text) <= 2500]
    about = [
        text
        for text in good
        if plain_name(name).split(" ")[0] in text.casefold() or plain_name(name).split(" ")[-1] in text.casefold()
    ]
    return (about or good or [""])[0]


def _is_box(view: View, element: Any) -> bool:
    if (element.get("itemprop") or "").lower() == "description" and any(
        "author" in (each.get("itemprop") or "").lower() for each in element.iterancestors()
    ):
        return True
    name = names_of(element)
    if not (
        _BOX_NAMES.search(name)
        or (_BIO_NAMES.search(name) and re.search(r"author|bio|writer|contributor|user", name, re.IGNORECASE))
    ):
        return False
    return view.sizes[element] < 3000 and not any(
        "comment" in names_of(each).lower() for each in element.iterancestors()
    )


def _box_text(box: Any, name: str) -> str:
    """The sentences of a box, without its heading, the name alone, and links to other pages."""
    inner = next(
        (
            each
            for each in box.iterdescendants()
            if isinstance(each.tag, str) and _BIO_NAMES.search(each.get("class") or "") and len(text_of(each)) > 30
        ),
        box,
    )
    paragraphs = [each for each in inner.iter("p") if text_of(each)] or [inner]
    kept: list[str] = []
    for paragraph in paragraphs:
        for line in text_lines(paragraph).split("\n") if paragraph is inner else [text_of(paragraph)]:
            if not line or _BIO_NOISE.fullmatch(line) or same_person(line, name):
                continue
            shown, _credentials = split_byline(line)
            if shown and same_person(shown, name) and len(line) < len(name) + 60 and not re.search(r"[.!?]$", line):
                continue
            if len(line) < 25 and not line.endswith("."):
                continue
            kept.append(line)
        if paragraph is not inner and link_share(paragraph) > 0.8 and kept:
            kept.pop()
    return " ".join(kept).strip()
