"""`newsletter demo`: the whole story on the bundled example, told step by step, asking nothing.

Everything is real: a fresh Site, pages on a free port, the sandbox as the relay, and three invented
readers who use nothing but the form and the links in their mail.
"""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.console import Console, console_options, styled
from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.site import Site
    from newsletter.transport.sandbox import ParsedMail

READERS = (("ada@example.net", "Ada Byron"), ("grace@example.net", "Grace Hopper"), ("alan@example.net", "Alan Turing"))
FORM_AGE = 3.2
"""Seconds a person takes at least to fill in a form; quicker posts are asked once more."""
PATIENCE = 20.0


@click.command()
@click.option("--keep", is_flag=True, help="Stay up afterwards, to look around.")
@console_options
def demo(console: Console, *, keep: bool) -> None:
    """Sign up, confirm, read, send and leave: the whole story in under a minute."""
    from newsletter.cli.serve import inbox, running, wait_for_signal

    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="newsletter-demo-"))
    port = _free_port()
    site = _site(folder, port)
    console.say(f"A Site of its own, in {folder}")
    with site, running(console, site, port=port) as server, inbox(console, site) as inbox_url:
        story = Story(console, site, server.url)
        story.run()
        seconds = time.monotonic() - started
        console.result(
            {"site": str(folder), "seconds": round(seconds, 1), "mails": len(list(site.sandbox_folder.glob("*.eml")))},
            f"\nDone in {seconds:.0f} seconds. Everything is still there:\n"
            f"  the mails      {site.sandbox_folder}\n"
            f"  the Site       {folder}\n"
            f"  look again     {_myself()} --site {folder} serve\n"
            "Delete that folder when you have seen enough; nothing else was made.",
        )
        if keep:
            console.say(f"\nStill up. Sign-up form {server.url}/  archive {server.url}/archive/  inbox {inbox_url}/")
            console.note("Ctrl-C stops.")
            wait_for_signal()


class Story:
    """Three readers, two issues, one farewell."""

    def __init__(self, console: Console, site: Site, url: str) -> None:
        self._console = console
        self._site = site
        self._url = url
        self._step = 0

    def run(self) -> None:
        """Tell it; `NewsletterError` as soon as something is not as it should be."""
        first, second = self._site.issues()[:2]
        self._tell(f"Three readers fill in the form at {self._url}/")
        page, _ = self._get("/")
        time.sleep(FORM_AGE)
        for address, name in READERS:
            self._submit(page, "/subscribe", {"email": address, "name": name})
        confirmations = {address: self._mail_for(address, "/confirm/") for address, _ in READERS}
        self._tell("Two of them press the button behind the link in their mail; one never does")
        for address, _ in READERS[:2]:
            link = self._link(confirmations[address], "/confirm/")
            self._get(link)
            self._post(link, {})
        for address, _ in READERS[:2]:
            self._mail_for(address, "/u/")
        self._tell(f"The editor checks and sends issue {first}")
        self._send(first, expect=2)
        copies = [self._mail_for(address, f"/archive/{first}/") for address, _ in READERS[:2]]
        self._get(f"/archive/{first}/")
        leaver = READERS[0][0]
        self._tell(f"{leaver} leaves with one click, the way a mail program does it (RFC 8058)")
        header = re.search(r"<(http[^>]+)>", copies[0].header("List-Unsubscribe"))
        if header is None:
            raise NewsletterError("The issue carries no one-click link.")
        self._post(header[1], {"List-Unsubscribe": "One-Click"})
        self._tell(f"Issue {second} reaches only those who stayed")
        self._send(second, expect=1)
        self._tell("Sending the first issue again is refused: nobody gets it twice")
        try:
            self._send(first, expect=2)
        except NewsletterError as refusal:
            self._console.say(f"     {refusal}")
        else:
            raise NewsletterError("The first issue was sent twice.")

    def _tell(self, text: str) -> None:
        self._step += 1
        self._console.say(styled(f"{self._step:2}.", bold=True) + f" {text}")

    def _send(self, slug: str, expect: int) -> None:
        from newsletter.campaigns import launch, report
        from newsletter.checks.findings import errors

        site = self._site
        checked = site.check(slug)
        order = site.order(checked, None)
        with site.database.write() as connection:
            launched = launch.launch(
                connection, order, errors=errors(checked.findings), expect=expect, now=site.clock()
            )
        site.sender(campaign_id=launched.campaign_id).drain()
        with site.database.read() as connection:
            summary = report.summary(connection, launched.campaign_id)
        if summary["sent"] != expect:
            raise NewsletterError(f"{summary['sent']} copies of {slug} were sent, not {expect}.")
        self._console.say(
            f"     {summary['sent']} of {summary['audience']} sent, campaign {launched.campaign_id} {summary['status']}"
        )

    # -- what a reader's browser and mail program do -------------------------------------------

    def _get(self, path: str) -> tuple[str, str]:
        with urllib.request.urlopen(urllib.parse.urljoin(self._url, path), timeout=PATIENCE) as answer:  # noqa: S310
            return answer.read().decode("utf-8"), answer.geturl()

    def _post(self, path: str, fields: Mapping[str, str]) -> str:
        body = urllib.parse.urlencode(fields).encode("ascii")
        request = urllib.request.Request(urllib.parse.urljoin(self._url, path), data=body, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return str(answer.read().decode("utf-8"))

    def _submit(self, page: str, path: str, typed: Mapping[str, str]) -> str:
        form = _Hidden()
        form.feed(page)
        return self._post(path, {**form.fields, **typed})

    def _mail_for(self, address: str, path: str) -> ParsedMail:
        """Wait for the mail to a reader whose text has a link to `path`."""
        from newsletter.transport.sandbox import messages, read

        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for stored in messages(self._site.sandbox_folder):
                if stored.recipient == address:
                    mail = read(self._site.sandbox_folder, stored.id)
                    if path in (mail.text or ""):
                        self._console.say(f"     {address} has “{stored.subject}”")
                        return mail
            time.sleep(0.1)
        raise NewsletterError(f"No mail with a link to {path} reached {address} within {PATIENCE:.0f} seconds.")

    def _link(self, mail: ParsedMail, path: str) -> str:
        found = re.search(rf"https?://\S+{re.escape(path)}\S+", mail.text or "")
        if found is None:
            raise NewsletterError(f"The mail has no link to {path}.")
        return found[0]


class _Hidden(HTMLParser):
    """Collects the hidden fields of the first form, as any HTML parser sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._forms = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Forms and their hidden inputs."""
        found = dict(attrs)
        self._forms += tag == "form"
        if tag == "input" and self._forms == 1 and found.get("type") == "hidden" and found.get("name"):
            self.fields[str(found["name"])] = found.get("value") or ""


def _site(folder: Path, port: int) -> Site:
    from newsletter import config
    from newsletter.site import Site
    from newsletter.starter.plant import plant
    from newsletter.tokens import KeyRing

    plant(folder, base_url=f"http://127.0.0.1:{port}", port=port)
    # The demo's own settings only: a relay from the surrounding environment must not carry it to anybody.
    settings, origins = config.load(folder, environ={})
    site = Site(folder, settings, origins)
    KeyRing.create(site.keys_path, site.clock())
    site.upgrade()
    return site


def _myself() -> str:
    """How the person at the terminal calls this program."""
    found = shutil.which("newsletter")
    called = Path(sys.argv[0])
    return "newsletter" if found and called.exists() and Path(found).samefile(called) else shlex.quote(sys.argv[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
