"""Pictures of everything readers and editors look at: `python tests/journeys/pictures.py OUTDIR [--lang de] [--tour]`.

Nobody can judge a page by its markup. This plays the story in Chromium and photographs every page and mail at phone
and desktop width, light and dark; `--tour` makes the few that the README shows.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, it finds its neighbours

from chromium import chromium
from journeys.story import LANGUAGES, SETTINGS, confirming, prepare, publish, signing_up, story, workshop
from journeys.visitor import Visitor
from served import served

if TYPE_CHECKING:
    from playwright.sync_api import Page

READER = "ada@example.net"
HEIGHTS = {320: 640, 375: 740, 600: 800, 1200: 860}


class Shot(NamedTuple):
    """One way to look at a page."""

    width: int
    scheme: Literal["light", "dark"]

    @property
    def name(self) -> str:
        """`375-dark`."""
        return f"{self.width}-{self.scheme}"


EVERY = [Shot(width, scheme) for width in (375, 1200) for scheme in ("light", "dark")]  # type: ignore[arg-type]
TOUR = {
    "tour.png": (("signup", Shot(375, "light")), ("mail-issue", Shot(600, "light"))),
    "issue.png": (("mail-issue", Shot(600, "light")), ("mail-issue", Shot(375, "dark"))),
    "signup.png": (("signup", Shot(375, "light")), ("confirm", Shot(375, "dark")), ("inbox-mail", Shot(375, "light"))),
}
"""What stands side by side on the pictures of the README and the documents."""
TALL = {"tour.png": 1330, "issue.png": 1960, "signup.png": 740}
"""Pixels to cut each of them off at."""


def tour(visitor: Visitor) -> Iterator[str]:
    """The few scenes that the README shows, on the example Site as everybody gets it."""
    publish(visitor.site)
    yield from signing_up(visitor, READER)
    yield from confirming(visitor, READER)
    yield from workshop(visitor)


def everything(visitor: Visitor) -> Iterator[str]:
    """All scenes there are."""
    publish(visitor.site)
    yield from story(visitor)
    yield from workshop(visitor)


def photograph(page: Page, shot: Shot) -> Image.Image:
    """The whole page as `shot` wants it."""
    page.emulate_media(color_scheme=shot.scheme)
    page.set_viewport_size({"width": shot.width, "height": HEIGHTS[shot.width]})
    page.evaluate("document.activeElement && document.activeElement.blur()")
    for picture in page.locator("img[loading=lazy]").all():
        picture.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")
    if page.locator("iframe").count():  # frames below the fold are painted only when they are on screen
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": shot.width, "height": height})
        page.wait_for_timeout(500)
    return Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled"))).convert("RGB")


def side_by_side(images: Sequence[Image.Image], height: int, gap: int = 24) -> Image.Image:
    """The tops of `images` in a row, laid on a board."""
    board = Image.new("RGB", (sum(image.width + gap for image in images) + gap, height + 2 * gap), "#dedad0")
    left = gap
    for image in images:
        board.paste(image.crop((0, 0, image.width, min(height, image.height))), (left, gap))
        left += image.width + gap
    return board


def save(image: Image.Image, path: Path) -> None:
    """In 256 colours, which flat drawings never miss."""
    image.quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
    print(path.name, path.stat().st_size)


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("out", type=Path, metavar="OUTDIR")
    parser.add_argument("--tour", action="store_true", help="only what the README shows")
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="what the reader speaks")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    wanted = {pair for row in TOUR.values() for pair in row}
    taken: dict[tuple[str, Shot], Image.Image] = {}
    tell, site = (tour, {}) if chosen.tour else (everything, {"prepare": prepare, **SETTINGS})
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "site", **site) as running,
        chromium() as browser,
    ):
        visitor = Visitor(browser, running, chosen.lang)
        for scene in tell(visitor):
            for shot in [shot for name, shot in wanted if name == scene] if chosen.tour else EVERY:
                taken[scene, shot] = photograph(visitor.page, shot)
    if chosen.tour:
        for name, row in TOUR.items():
            save(side_by_side([taken[each] for each in row], TALL[name]), chosen.out / name)
    else:
        for (scene, shot), image in taken.items():
            save(image, chosen.out / f"{scene}-{shot.name}.png")


if __name__ == "__main__":
    main()
