"""Pictures: described, sized, light, sharp, in formats that every mail program shows, and never all there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from newsletter.checks.looks import UNSEEN, as_hex
from newsletter.checks.registry import ERROR, INFO, WARNING, Fault, error, info, rule, warning
from newsletter.checks.subject import Subject, hidden, short, split
from newsletter.content.values import Fitted, Image
from newsletter.rendering.palette import contrast

KB = 1024
HEAVY = 200 * KB
TOO_HEAVY = 1024 * KB
_EMPTY_WORDS = frozenset({"image", "img", "photo", "picture", "graphic", "bild", "foto", "logo image"})
_FILE_NAME = re.compile(r"[\w %.()-]*\.(?:jpe?g|png|gif|webp|svg|avif|bmp|tiff?|heic)", re.IGNORECASE)
SHARP = 1.5
"""Pixels of the file for one shown, at the least."""
TOO_LITTLE = 200
"""Characters of running text below which filters take a mail with pictures for an advertisement."""
_FURNITURE = frozenset({"a", "h1", "h2", "h3", "h4", "h5", "h6"}) | UNSEEN


@rule("img.alt", ERROR)
def alt(subject: Subject) -> Iterator[Fault]:
    """Every picture has an alt attribute; an empty one marks it as decoration."""
    for image in subject.every("img"):
        if image.get("alt") is None:
            yield error(
                f"The picture {_name(subject, image)} has no alt text, so a screen reader spells out its address.",
                'Describe it: ![What it shows](picture.jpg) in Markdown, alt="…" in a template.',
                subject.find(_name(subject, image)),
            )


@rule("img.alt-quality", ERROR, WARNING)
def alt_quality(subject: Subject) -> Iterator[Fault]:
    """Alt text that is a file name, "image" or over 125 characters is a warning; none in a link of its own an error."""
    for image in subject.every("img"):
        text = (image.get("alt") or "").strip()
        name = _name(subject, image)
        if text.lower() in _EMPTY_WORDS or _FILE_NAME.fullmatch(text):
            yield warning(
                f'The picture {name} is described as "{short(text)}", which says nothing.',
                "Say what it shows, or what it is there for.",
                subject.find(text, name),
            )
        elif len(text) > 125:
            yield warning(
                f"The description of the picture {name} has {len(text)} characters; 125 are comfortable to listen to.",
                "Shorten it, and say the rest in the text.",
                subject.find(text, name),
            )
        elif image.get("alt") is not None and not text and _alone_in_link(image):
            yield error(
                f"The picture {name} is all there is of a link, and has no alt text to say where it leads.",
                "Describe the target in its alt text.",
                subject.find(name),
            )


@rule("img.size-attrs", ERROR, WARNING)
def size_attributes(subject: Subject) -> Iterator[Fault]:
    """Every picture has whole-number width and height; other proportions than the file's are a warning."""
    for element in subject.every("img"):
        name = _name(subject, element)
        sizes = [(element.get(key) or "").strip() for key in ("width", "height")]
        if not all(re.fullmatch(r"[1-9][0-9]{0,4}", size) for size in sizes):
            yield error(
                f"The picture {name} lacks a width or a height in whole pixels: Outlook shows its full size.",
                'Write width="…" height="…" on the <img> in the template.',
                subject.find(name),
            )
            continue
        picture = subject.picture(element)
        if picture is not None and _distorted(picture, int(sizes[0]), int(sizes[1])):
            yield warning(
                f"The picture {name} ({picture.width} × {picture.height}) is squeezed into {sizes[0]} × {sizes[1]}.",
                "Crop the file to the proportions in which it is shown.",
                subject.place_of(picture),
            )


@rule("img.weight", ERROR, WARNING)
def weight(subject: Subject) -> Iterator[Fault]:
    """A picture over 200 KB is a warning, over 1 MB an error; over 1 MB together is a warning."""
    total = 0
    for image in subject.images.values():
        size = _bytes(image)
        total += size
        if size > HEAVY:
            make = error if size > TOO_HEAVY else warning
            yield make(
                f"The picture {image.path.name} has {size / KB:.0f} KB; on a phone that is slow and costs money.",
                "A photograph should be a JPEG; of a moving GIF shorten or shrink the animation.",
                subject.place_of(image),
            )
    if total > TOO_HEAVY:
        yield warning(
            f"All pictures together have {total / KB:.0f} KB.",
            "Aim for less than 1 MB an issue.",
            subject.sources.home,
        )


@rule("img.https", ERROR)
def https(subject: Subject) -> Iterator[Fault]:
    """Pictures have absolute https addresses, or travel inside the mail: not data:, relative or http."""
    for element in subject.every("img"):
        address = (element.get("src") or "").strip()
        scheme = split(address).scheme.lower()
        # Our own pages without https are what site.base-url speaks about.
        if scheme == "https" or subject.is_ours(address) or (scheme == "cid" and subject.picture(element)):
            continue
        what = f"begins with {scheme}:" if scheme else "is not absolute"
        yield error(
            f"The address of the picture {_name(subject, element)} {what}, so many readers will not see it.",
            "Put the file into the issue's folder and name it there; it is then served from your own pages.",
            subject.find(address),
        )


@rule("img.format", WARNING)
def image_format(subject: Subject) -> Iterator[Fault]:
    """WebP pictures and GIFs over 1 MB are a warning."""
    for image in subject.images.values():
        if image.media_type == "image/webp":
            yield warning(
                f"The picture {image.path.name} is WebP, which Outlook on Windows does not show.",
                "Save it as JPEG or PNG.",
                subject.place_of(image),
            )
        elif image.media_type == "image/gif" and _bytes(image) > TOO_HEAVY:
            yield warning(
                f"The GIF {image.path.name} has {_bytes(image) / TOO_HEAVY:.1f} MB.",
                "Shorten or shrink the animation, or show one frame that links to it.",
                subject.place_of(image),
            )


def _name(subject: Subject, element: Any) -> str:
    """What an author calls the picture, as well as we can know."""
    picture = subject.picture(element)
    if picture is not None:
        return picture.path.name
    address = str(element.get("src") or "")
    return short(address.partition(",")[0] if address.startswith("data:") else address) or "without an address"


def _alone_in_link(image: Any) -> bool:
    link = next(image.iterancestors("a"), None)
    if link is None or link.get("aria-label"):
        return False
    others = (other.get("alt") or "" for other in link.iter("img"))
    return not "".join((*link.itertext(), *others)).strip()


def _distorted(image: Image, width: int, height: int) -> bool:
    """Whether the shown proportions are off by more than 2 % and more than rounding to a pixel explains."""
    expected = width * image.height / image.width
    return abs(height - expected) > max(1.0, expected * 0.02)


def _bytes(image: Image) -> int:
    if isinstance(image, Fitted):
        return len(image.data)
    try:
        return image.path.stat().st_size
    except OSError:
        return 0


@rule("img.retina", INFO)
def retina(subject: Subject) -> Iterator[Fault]:
    """A picture has one and a half pixels for each it is shown with: on phones and new screens it looks soft else."""
    seen: set[str] = set()
    for element in subject.every("img"):
        picture = subject.picture(element)
        width = element.get("width") or ""
        if picture is None or not width.isdigit() or picture.path.name in seen:
            continue
        if int(width) and picture.width < SHARP * int(width):
            seen.add(picture.path.name)
            yield info(
                f"The picture {picture.path.name} is {picture.width} pixels wide and shown with {width}.",
                f"Use one of {2 * int(width)} pixels if you have it.",
                subject.place_of(picture),
            )


@rule("img.blocked", WARNING)
def blocked(subject: Subject) -> Iterator[Fault]:
    """While pictures are blocked, their alt text can be read where they will be: many programs block them at first."""
    for run in subject.looks.runs:
        if run.element.tag != "img":
            continue
        look = run.light
        if look.size < 11:
            problem, remedy = f"is set in {look.size:g} pixels", "Give the <img> a font-size of its own in theme.css."
        elif contrast(as_hex(look.colour), as_hex(look.ground)) < 3:
            problem = f"is {as_hex(look.colour)} on {as_hex(look.ground)}"
            remedy = "Give the <img> color and background-color of its own in theme.css."
        else:
            continue
        yield warning(
            f'The alt text "{short(run.text, 40)}" {problem}, so nobody reads it while pictures are blocked.',
            remedy,
            subject.made_by(run.element),
        )
        return


@rule("img.only", ERROR)
def only_pictures(subject: Subject) -> Iterator[Fault]:
    """A mail with pictures has 200 characters of running text; without, filters take it for spam (6 points)."""
    if not subject.every("img"):
        return
    size = len(" ".join(" ".join(_running(subject.tree)).split())) - len(subject.config.sender.postal_address)
    if size < TOO_LITTLE:
        yield error(
            f"Beside its pictures the mail has only {max(0, size)} characters of text.",
            "Say in words what the pictures show; spam filters, and readers who block pictures, see nothing else.",
            subject.sources.home,
        )


def _running(element: Any) -> Iterator[str]:
    """Visible text outside links and headings."""
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _FURNITURE and not hidden(child):
            yield from _running(child)
        if child.tail:
            yield child.tail
