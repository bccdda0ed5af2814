"""Dark mode: declared, complete, and with pictures that survive it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from newsletter.checks.looks import Run, in_force
from newsletter.checks.registry import WARNING, Fault, rule, warning
from newsletter.checks.subject import Subject, short

_METAS = ("color-scheme", "supported-color-schemes")
_DARK_PIXEL = 60
"""Luma below which a pixel vanishes on a dark ground, of 255."""


@rule("dark.meta", WARNING)
def declared(subject: Subject) -> Iterator[Fault]:
    """Both color-scheme metas stand in <head>, and :root says the same: else programs darken by guesswork."""
    there = {(meta.get("name") or "").lower() for meta in subject.every("meta")}
    missing = [f'<meta name="{name}">' for name in _METAS if name not in there]
    styled = any(
        each.name == "color-scheme" and "root" in each_rule.selector
        for sheet in subject.sheets
        for each_rule in sheet.rules
        for each in each_rule.declared
    )
    if not styled:
        missing.append(":root { color-scheme: light dark }")
    if missing:
        yield warning(
            f"Dark mode is not declared: {' and '.join(missing)} is not there.",
            "Write it into <head> in templates/issue/shell.html, or into head.css.",
            subject.theme.find('name="viewport"', "<head"),
        )


@rule("dark.pairs", WARNING)
def pairs(subject: Subject) -> Iterator[Fault]:
    """A theme with dark mode changes colour and ground together, for every piece of text.

    Text that keeps its light colour on a ground that turned dark may still be readable here, and not where a mail
    program changes one of the two by itself.
    """
    rules = (each for sheet in subject.sheets for each in sheet.rules if each.conditions)
    if not any("dark" in "".join(each.conditions) and in_force(each.conditions, dark=True) for each in rules):
        yield warning(
            "The style sheet has no rules for dark mode, so each mail program invents its own.",
            "Write @media (prefers-color-scheme: dark) into head.css, for every surface and every text.",
            subject.theme.find("<style"),
        )
        return
    halves = [run for run in subject.looks.runs if _moved(run, "ground") != _moved(run, "colour")]
    if halves:
        first = halves[0]
        what = "ground but not the colour" if _moved(first, "ground") else "colour but not the ground"
        others = f", and of {len(halves) - 1} more" if len(halves) > 1 else ""
        yield warning(
            f'Dark mode changes the {what} of "{short(first.text, 40)}"{others}.',
            "Add a rule for its class to the dark rules of head.css.",
            subject.made_by(first.element),
        )


@rule("dark.logo", WARNING)
def logo(subject: Subject) -> Iterator[Fault]:
    """A transparent picture has no large dark parts: on a dark ground they disappear."""
    for image in {each.path: each for each in subject.images.values()}.values():
        if image.media_type in {"image/png", "image/webp", "image/gif"} and _vanishes(image.path):
            yield warning(
                f"The picture {image.path.name} is transparent and dark, so it disappears in dark mode.",
                "Give it a light outline or a ground of its own.",
                subject.place_of(image),
            )


def _moved(run: Run, part: str) -> bool:
    return bool(getattr(run.light, part) != getattr(run.dark, part))


@lru_cache(maxsize=64)
def _vanishes(path: Path) -> bool:
    """Whether the picture has holes, and most of what is left is dark. Looked at in thumbnail size."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            if "A" not in picture.getbands() and "transparency" not in picture.info:
                return False
            picture.draft("RGB", (64, 64))
            small = picture.convert("RGBA").resize((32, 32))
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return False
    lumas = [
        luma
        for luma, alpha in zip(small.convert("L").tobytes(), small.getchannel("A").tobytes(), strict=True)
        if alpha > 127
    ]
    holes = 32 * 32 - len(lumas)
    dark = sum(luma < _DARK_PIXEL for luma in lumas)
    return holes > 32 * 32 // 20 and bool(lumas) and dark > len(lumas) // 2
