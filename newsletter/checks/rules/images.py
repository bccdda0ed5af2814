"""Pictures: described, sized, light, and in formats that every mail program shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from newsletter.checks.registry import Fault, error, rule, warning
from newsletter.checks.subject import Subject, short, split
from newsletter.content.values import Image

KB = 1024
HEAVY = 200 * KB
TOO_HEAVY = 1024 * KB
_EMPTY_WORDS = frozenset({"image", "img", "photo", "picture", "graphic", "bild", "foto", "logo image"})
_FILE_NAME = re.compile(r"[\w %.()-]*\.(?:jpe?g|png|gif|webp|svg|avif|bmp|tiff?|heic)", re.IGNORECASE)


@rule("img.alt")
def alt(subject: Subject) -> Iterator[Fault]:
    """Every picture has an alt attribute; an empty one marks it as decoration."""
    for image in subject.every("img"):
        if image.get("alt") is None:
            yield error(
                f"The picture {_name(subject, image)} has no alt text, so a screen reader spells out its address.",
                'Describe it: ![What it shows](picture.jpg) in Markdown, alt="…" in a template.',
                subject.sources.find(_name(subject, image)),
            )


@rule("img.alt-quality")
def alt_quality(subject: Subject) -> Iterator[Fault]:
    """Alt text that is a file name, "image" or over 125 characters is a warning; none in a link of its own an error."""
    for image in subject.every("img"):
        text = (image.get("alt") or "").strip()
        name = _name(subject, image)
        if text.lower() in _EMPTY_WORDS or _FILE_NAME.fullmatch(text):
            yield warning(
                f'The picture {name} is described as "{short(text)}", which says nothing.',
                "Say what it shows, or what it is there for.",
                subject.sources.find(text, name),
            )
        elif len(text) > 125:
            yield warning(
                f"The description of the picture {name} has {len(text)} characters; 125 are comfortable to listen to.",
                "Shorten it, and say the rest in the text.",
                subject.sources.find(text, name),
            )
        elif image.get("alt") is not None and not text and _alone_in_link(image):
            yield error(
                f"The picture {name} is all there is of a link, and has no alt text to say where it leads.",
                "Describe the target in its alt text.",
                subject.sources.find(name),
            )


@rule("img.size-attrs")
def size_attributes(subject: Subject) -> Iterator[Fault]:
    """Every picture has whole-number width and height; other proportions than the file's are a warning."""
    for element in subject.every("img"):
        name = _name(subject, element)
        sizes = [(element.get(key) or "").strip() for key in ("width", "height")]
        if not all(re.fullmatch(r"[1-9][0-9]{0,4}", size) for size in sizes):
            yield error(
                f"The picture {name} lacks a width or a height in whole pixels: Outlook shows its full size.",
                'Write width="…" height="…" on the <img> in the template.',
                subject.sources.find(name),
            )
            continue
        picture = _picture(subject, element)
        if picture is not None and _distorted(picture, int(sizes[0]), int(sizes[1])):
            yield warning(
                f"The picture {name} ({picture.width} × {picture.height}) is squeezed into {sizes[0]} × {sizes[1]}.",
                "Crop the file to the proportions in which it is shown.",
                subject.place_of(picture),
            )


@rule("img.weight")
def weight(subject: Subject) -> Iterator[Fault]:
    """A picture over 200 KB is a warning, over 1 MB an error; over 1 MB together is a warning."""
    total = 0
    for image in subject.images.values():
        size = _bytes(image.path)
        total += size
        if size > HEAVY:
            make = error if size > TOO_HEAVY else warning
            yield make(
                f"The picture {image.path.name} has {size / KB:.0f} KB; on a phone that is slow and costs money.",
                "Save it at most 1200 pixels wide, as JPEG with quality 75 to 80.",
                subject.place_of(image),
            )
    if total > TOO_HEAVY:
        yield warning(
            f"All pictures together have {total / KB:.0f} KB.",
            "Aim for less than 1 MB an issue.",
            subject.sources.home,
        )


@rule("img.https")
def https(subject: Subject) -> Iterator[Fault]:
    """Pictures have absolute https addresses: not data:, relative or http. Embedded ones have none."""
    for element in subject.every("img"):
        address = (element.get("src") or "").strip()
        scheme = split(address).scheme.lower()
        # Our own pages without https are what site.base-url speaks about.
        if scheme == "https" or subject.is_ours(address) or scheme == "cid":
            continue
        what = f"begins with {scheme}:" if scheme else "is not absolute"
        yield error(
            f"The address of the picture {_name(subject, element)} {what}, so many readers will not see it.",
            "Put the file into the issue's folder and name it there; it is then served from your own pages.",
            subject.sources.find(address),
        )


@rule("img.format")
def image_format(subject: Subject) -> Iterator[Fault]:
    """WebP pictures and GIFs over 1 MB are a warning."""
    for image in subject.images.values():
        if image.media_type == "image/webp":
            yield warning(
                f"The picture {image.path.name} is WebP, which Outlook on Windows does not show.",
                "Save it as JPEG or PNG.",
                subject.place_of(image),
            )
        elif image.media_type == "image/gif" and _bytes(image.path) > TOO_HEAVY:
            yield warning(
                f"The GIF {image.path.name} has {_bytes(image.path) / TOO_HEAVY:.1f} MB.",
                "Shorten or shrink the animation, or show one frame that links to it.",
                subject.place_of(image),
            )


def _picture(subject: Subject, element: Any) -> Image | None:
    return subject.images.get(str(element.get("src") or "").rpartition("/")[2])


def _name(subject: Subject, element: Any) -> str:
    """What an author calls the picture, as well as we can know."""
    picture = _picture(subject, element)
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


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
