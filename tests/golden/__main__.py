"""Renew the golden pictures and the one in the documents: `python tests/golden [--look OUTDIR]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, it finds its neighbours

from chromium import chromium
from golden.shots import CALIBRATION, Shot, calibration, photographs, reduced, showcase
from journeys.pictures import save, side_by_side

DOCUMENTED = Path(__file__).parents[2] / "docs" / "pictures" / "themes.png"
BESIDE = (Shot("magazine", 600, "light"), Shot("letter", 600, "dark"), Shot("letter", 375, "light"))
TALL = 1500
"""Pixels to cut the picture of the documents off at."""


def main() -> None:
    """Take every shot and put it beside this file, or into another folder to look at first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--look", type=Path, metavar="OUTDIR", help="write there and leave the golden ones alone")
    chosen = parser.parse_args()
    if chosen.look:
        chosen.look.mkdir(parents=True, exist_ok=True)
    taken = {}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        calibration(browser).save((chosen.look or CALIBRATION.parent) / CALIBRATION.name, optimize=True)
        for shot, picture in photographs(browser, showcase(Path(folder))):
            path = chosen.look / shot.path.name if chosen.look else shot.path
            taken[shot] = picture
            reduced(picture).save(path, optimize=True)
            print(f"{path.name:24} {picture.width} x {picture.height}, {path.stat().st_size // 1024} KB")
    documented = chosen.look / DOCUMENTED.name if chosen.look else DOCUMENTED
    save(side_by_side([taken[shot] for shot in BESIDE], TALL), documented)


if __name__ == "__main__":
    main()
