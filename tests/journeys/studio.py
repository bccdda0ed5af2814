"""The studio as a process of its own, and pictures of it: `python tests/journeys/studio.py OUTDIR`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, it finds its neighbours

from chromium import chromium
from served import run

ISSUE = "001-why-your-back-hurts"
SHOTS = (
    ("studio.png", "views=desktop,phone", "light"),
    ("studio-dark.png", "views=checks,source,dark", "dark"),
)
"""What the documents show: name, views, and the colours of the studio itself."""


@contextmanager
def studio(folder: Path, *words: str) -> Iterator[str]:
    """`newsletter preview --serve WORDS` for the first issue, until the block ends; gives its address."""
    command = [sys.executable, "-m", "newsletter", "--site", str(folder), "preview", ISSUE, "--serve", "--port", "0"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    process = subprocess.Popen(
        [*command, *words, "--json"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said.decode()


def main() -> None:
    """Make the pictures, with one thing to mend in the issue."""
    from journeys.pictures import save
    from PIL import Image

    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        done = run("init", str(site))
        assert done.returncode == 0, done.stderr
        letter = site / "issues" / ISSUE / "issue.md"
        letter.write_text(letter.read_text("utf-8").replace("Read one piece", "TODO: Read one piece"), "utf-8")
        with studio(site) as url, chromium() as browser:
            for name, views, scheme in SHOTS:
                page = browser.new_page(viewport={"width": 1360, "height": 930}, color_scheme=scheme)  # type: ignore[arg-type]
                page.goto(f"{url}#{views}")
                page.locator(".count").wait_for()
                letter.write_text(letter.read_text("utf-8"), "utf-8")  # saved once more, with all pictures made
                page.wait_for_timeout(1500)
                if "source" in views:
                    page.locator("button.finding", has_text="issue.md:").first.click()
                page.wait_for_timeout(600)
                save(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), out / name)
                page.close()


if __name__ == "__main__":
    main()
