"""How fast others send the same issue of 30 KB into the same sink in the same run.

nodemailer and aiosmtplib are fetched into a temporary folder when they are not there; what cannot be had is
skipped and says so. The naive loop is what tutorials show: render, inline the CSS, connect, send, for every
copy. None of the three keeps a ledger.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import documents
import jinja2
import premailer
import stage
import table
import wire
from documents import Document
from stage import Relay

CONNECTIONS = 10
NODEMAILER, AIOSMTPLIB = "nodemailer@10", "aiosmtplib>=5"
SENDER = "The Steady Spine <editor@news.example.org>"
ENVELOPE_SENDER = "editor@news.example.org"


class Missing(Exception):
    """A peer that cannot be had here; says why."""


def main() -> None:
    """A row for each peer."""
    chosen = table.options(__doc__, messages=4000).parse_args()
    table.begin(chosen)
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder, wire.sink() as port:
        place = Path(folder, "site")
        stage.build(place, chosen.messages)
        length = stage.write_issue(place, 30_000)
        raw, final = documents.before_inlining(place), documents.final(place)
        peers: list[tuple[str, float, Callable[[], Callable[[], float]]]] = [
            (f"nodemailer's pool of {CONNECTIONS}", 7, lambda: nodemailer(Path(folder), port, final, 1000)),
            (f"{CONNECTIONS} × aiosmtplib with EmailMessage", 20, lambda: aiosmtplib(Path(folder), port, final, 400)),
            ("the naive loop", 55, lambda: lambda: naive(port, raw, 100)),
        ]
        with stage.opened(place, Relay(port, CONNECTIONS)) as site:
            for name, needed, prepare in peers:
                what = f"{length / 1000:.1f} KB, {CONNECTIONS} connections, beside {name}"
                try:
                    peer = prepare()
                except Missing as missing:
                    table.skipped(what, str(missing))
                    continue
                pairs = table.interleaved(chosen.rounds, peer, lambda: stage.send(site))
                ratios = [ours / theirs for theirs, ours in pairs]
                table.row(what, table.at_least(needed, "× theirs"), ratios, table.rates(pairs, "theirs", "ours"))


def nodemailer(folder: Path, port: int, document: Document, messages: int) -> Callable[[], float]:
    """Messages a second of nodemailer, fetched with npm."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise Missing("node or npm is not installed")
    modules, source = folder / "node", folder / "document.json"
    modules.mkdir()
    _fetch(["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(modules), NODEMAILER])
    source.write_text(json.dumps(vars(document)), "utf-8")
    script = Path(__file__).with_name("nodemailer.cjs")
    command = ["node", str(script), str(modules), str(port), str(CONNECTIONS), str(messages), str(source)]

    def run() -> float:
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    return run


def aiosmtplib(folder: Path, port: int, document: Document, messages: int) -> Callable[[], float]:
    """Messages a second of aiosmtplib, every connection kept; Jinja and EmailMessage make each copy."""
    try:
        library = importlib.import_module("aiosmtplib")
    except ImportError:
        target = folder / "python"
        _fetch([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), AIOSMTPLIB])
        sys.path.insert(0, str(target))
        library = importlib.import_module("aiosmtplib")
    subject, text, html = _templates(document)

    def compose(number: int) -> EmailMessage:
        values = document.values(number)
        message = EmailMessage()
        message["From"] = SENDER
        message["To"] = values["subscriber_email"]
        message["Subject"] = subject.render(values)
        message["List-Unsubscribe"] = f"<{values['unsubscribe_url']}>"
        message.set_content(text.render(values))
        message.add_alternative(html.render(values), subtype="html")
        return message

    async def send(numbers: range) -> None:
        async with library.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for number in numbers:
                await client.send_message(compose(number))

    async def send_all() -> None:
        await asyncio.gather(*(send(range(first, messages, CONNECTIONS)) for first in range(CONNECTIONS)))

    def run() -> float:
        begun = time.perf_counter()
        asyncio.run(send_all())
        return messages / (time.perf_counter() - begun)

    return run


def naive(port: int, document: Document, messages: int) -> float:
    """Messages a second of a loop over smtplib that does everything anew for each copy."""
    subject, text, html = _templates(document)
    begun = time.perf_counter()
    for number in range(messages):
        values = document.values(number)
        message = MIMEMultipart("alternative")
        message["From"] = SENDER
        message["To"] = values["subscriber_email"]
        message["Subject"] = subject.render(values)
        message["List-Unsubscribe"] = f"<{values['unsubscribe_url']}>"
        message.attach(MIMEText(text.render(values), "plain", "utf-8"))
        inlined = premailer.transform(html.render(values), allow_network=False, disable_validation=True)
        message.attach(MIMEText(inlined, "html", "utf-8"))
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail(ENVELOPE_SENDER, [values["subscriber_email"]], message.as_string())
    return messages / (time.perf_counter() - begun)


def _templates(document: Document) -> list[Any]:
    env = jinja2.Environment(autoescape=jinja2.select_autoescape(default_for_string=False))
    escaping = jinja2.Environment(autoescape=True)
    return [env.from_string(document.subject), env.from_string(document.text), escaping.from_string(document.html)]


def _fetch(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(f"{command[-1]} cannot be fetched") from error


if __name__ == "__main__":
    main()
