"""Both themes as readers meet them, photographed: one issue that uses everything, in eight of its many looks.

The pictures beside this file are the ones that were looked at and found good; a change of theme that nobody
meant shows as a difference of pixels. `make golden` renews them.
"""

from __future__ import annotations

import io
import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from PIL import Image, ImageChops

from newsletter import starter
from newsletter.config import Config
from newsletter.content.loader import load_issue
from newsletter.content.values import Issue
from newsletter.rendering.environment import make_environment
from newsletter.rendering.issue import render_issue
from newsletter.rendering.slots import as_html, fill_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parent
SHOWCASE = "showcase"
HOME = "https://news.example.org"
READER = {
    "subscriber.first_name": "Ada",
    "unsubscribe_url": f"{HOME}/u/1",
    "preferences_url": f"{HOME}/preferences/1",
    "view_url": f"{HOME}/archive/{SHOWCASE}/",
}
MOST_COLOURS = 112
"""A golden picture is stored in so many colours; what it is compared with is brought to the same ones."""


CALIBRATION = FOLDER / "calibration.png"
"""What the painter of the golden pictures makes of `_SAMPLE`."""
_SAMPLE = """<!DOCTYPE html>
<style>
body { margin: 16px; font: 17px/27px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; color: #1c2430 }
h1 { font: 700 32px/39px Georgia, "Times New Roman", serif }
p { border: 1px solid #0b6b63; border-radius: 10px; padding: 8px }
i { font: italic 14px/20px Georgia, serif }
</style>
<h1>The quick brown fox · jumps “over” it</h1>
<p>Every letter, <b>bold</b> or plain: ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789</p>
<p><i>and slanted; – — … ’ ¹ →</i> <small>small</small></p>
<img src="PICTURE" width="300" style="border-radius: 10px">"""


WIDE = 1200
"""From this width on the picture is cut at `HEIGHT`: it is about what surrounds the column."""
HEIGHT = 1500


class Shot(NamedTuple):
    """One way to look at an issue."""

    theme: str
    width: int
    look: Literal["light", "dark", "bare"]
    """`bare` is light with pictures blocked."""

    @property
    def name(self) -> str:
        """`magazine-375-dark`."""
        return f"{self.theme}-{self.width}-{self.look}"

    @property
    def path(self) -> Path:
        """Its golden picture."""
        return FOLDER / f"{self.name}.png"


SHOTS = (
    Shot("magazine", 375, "dark"),
    Shot("magazine", 600, "light"),
    Shot("magazine", 600, "bare"),
    Shot("magazine", 1200, "light"),
    Shot("letter", 375, "light"),
    Shot("letter", 600, "dark"),
    Shot("letter", 600, "bare"),
    Shot("letter", 1200, "light"),
)


def showcase(folder: Path) -> Issue:
    """The issue that uses everything, put together in `folder` from its words here and the example's pictures."""
    issues = folder / "issues"
    place = Path(shutil.copytree(FOLDER / SHOWCASE, issues / SHOWCASE))
    shutil.move(place / "authors.toml", issues)
    shutil.copytree(starter.issues() / "images", issues / "images")
    for picture in starter.issues().glob("00*/*.jpg"):
        shutil.copy(picture, place)
    return load_issue(issues, SHOWCASE)


def html_of(issue: Issue, theme: str, **choices: str) -> str:
    """The mail that one reader gets, wearing `theme`; `choices` are further settings of `[theme]`."""
    settings = Config(
        name="The Steady Spine",
        base_url=HOME,  # type: ignore[arg-type]
        sender={"address": "hello@example.org", "postal_address": "1 Sample Street\n00000 Sampletown"},  # type: ignore[arg-type]
        lists=[{"slug": "weekly", "title": "The Steady Spine"}],  # type: ignore[arg-type]
        theme={"name": theme, "tagline": "Letters about backs that move", **choices},  # type: ignore[arg-type]
    )
    rendered = render_issue(
        make_environment(None, theme=theme),
        issue,
        settings,
        view_url=READER["view_url"],
        media_url=lambda image: f"{HOME}/media/{image.media_name}",
    )
    return fill_text(rendered.html, rendered.slots, READER, as_html)


def show(page: Page, issue: Issue, html: str, *, bare: bool = False) -> None:
    """Open the mail in the browser, the issue's pictures written into it, or addresses that lead to none.

    They are part of the document because a picture that arrives after the first painting is painted into
    its round corners once more, which leaves other pixels there.
    """
    for name, image in issue.all_images().items():
        data = "data:," if bare else f"data:{image.media_type};base64,{b64encode(image.path.read_bytes()).decode()}"
        html = html.replace(f"{HOME}/media/{name}", data)
    page.set_content(html, wait_until="load")


def photographs(browser: Browser, issue: Issue) -> Iterator[tuple[Shot, Image.Image]]:
    """Every shot with its picture, as long as the mail.

    Each has a browser context of its own, with a window of its final size before anything is painted.
    """
    for shot in SHOTS:
        html = html_of(issue, shot.theme)
        height = HEIGHT if shot.width >= WIDE else _height(browser, issue, html, shot)
        with _page(browser, shot, height) as page:
            show(page, issue, html, bare=shot.look == "bare")
            taken = page.screenshot(animations="disabled")
        yield shot, Image.open(io.BytesIO(taken)).convert("RGB")


def calibration(browser: Browser) -> Image.Image:
    """A page that has nothing to do with our themes: painters who differ here differ everywhere."""
    picture = b64encode((starter.issues() / "001-why-your-back-hurts" / "path.jpg").read_bytes()).decode()
    with _page(browser, Shot("", 600, "light"), 480) as page:
        page.set_content(_SAMPLE.replace("PICTURE", f"data:image/jpeg;base64,{picture}"), wait_until="load")
        return Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")


def is_the_same_painter(browser: Browser) -> bool:
    """Whether this Chromium with its fonts and its decoder paints like the one that made the golden pictures."""
    mine, theirs = calibration(browser), Image.open(CALIBRATION).convert("RGB")
    return mine.size == theirs.size and ImageChops.difference(mine, theirs).getbbox() is None


def _height(browser: Browser, issue: Issue, html: str, shot: Shot) -> int:
    with _page(browser, shot, HEIGHT) as page:
        show(page, issue, html, bare=shot.look == "bare")
        return int(page.evaluate("document.documentElement.scrollHeight"))


@contextmanager
def _page(browser: Browser, shot: Shot, height: int) -> Iterator[Page]:
    scheme: Literal["light", "dark"] = "dark" if shot.look == "dark" else "light"
    context = browser.new_context(viewport={"width": shot.width, "height": height}, color_scheme=scheme)
    try:
        yield context.new_page()
    finally:
        context.close()


def reduced(picture: Image.Image, palette: Image.Image | None = None) -> Image.Image:
    """`picture` in few colours: those of `palette`, or its own best ones. Equal pixels stay equal."""
    few = palette or picture.quantize(MOST_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=3)
    return picture.quantize(palette=few, dither=Image.Dither.NONE)


def difference(golden: Image.Image, picture: Image.Image) -> tuple[int, tuple[int, int, int, int] | None]:
    """How many pixels differ, and the box (left, top, right, bottom) they lie in; sizes that differ differ wholly."""
    if golden.size != picture.size:
        return max(golden.width, picture.width) * max(golden.height, picture.height), (0, 0, *picture.size)
    changed = ImageChops.difference(golden.convert("RGB"), reduced(picture, golden).convert("RGB")).convert("L")
    return sum(changed.histogram()[1:]), changed.getbbox()
