"""`serve`, `worker` and `sandbox`: the commands that stay up."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from newsletter.cli.console import Console, console_options
from newsletter.cli.grace import GRACE, breaks_off
from newsletter.errors import NewsletterError
from newsletter.redaction import redacted

if TYPE_CHECKING:
    from newsletter.site import Site
    from newsletter.web.serve import Server

RATE = click.FloatRange(0, 1)

HOUSEKEEPING = 300.0
"""Seconds between rounds of housekeeping."""
GLANCE = 15.0
"""Seconds between looks at what somebody waits for: a step of a series that is due, an attack, the turnout."""
MAILBOX_GRACE = 5.0
"""Seconds for the message that is being read when the command is to stop."""
MANY_FORGERIES = 50
"""Reports about no mail of ours at one look that the operator should hear of."""
FORGERIES = "reports about no mail of ours came at once; somebody may be forging them, and they change nothing."
LOOKING_UP = 1.0
"""Seconds between looks at confirmations that wait for the DNS."""


@click.command()
@click.option("--host", help="Address to listen on (default: [server] host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: [server] port; 0: any).")
@console_options
def serve(console: Console, host: str | None, port: int | None) -> None:
    """Run the web pages, and beside them a sender for everything that is due."""
    with console.open_site() as site, running(console, site, host=host, port=port) as server:
        console.say(f"Pages of {site.config.name}: {server.url}")
        if server.url != site.config.base_url:
            console.note(f"Links in mails begin with {site.config.base_url} (base_url in newsletter.toml).")
        with inbox(console, site) as inbox_url:

            def announce() -> None:
                console.up(
                    {"url": server.url, "inbox": inbox_url or None},
                    f"No [smtp] is set, so mail goes to the sandbox: {inbox_url}" if inbox_url else "",
                )
                console.note("Ctrl-C stops.")

            wait_for_signal(announce)


@click.command()
@click.option("--drain", is_flag=True, help="Stop when nothing is due any more (for cron).")
@console_options
def worker(console: Console, *, drain: bool) -> int:
    """Run a sender for everything that is due, without web pages."""
    from newsletter.web.logs import told_to

    with console.open_site() as site:
        site.fence.require()
        if drain:
            return _drain(console, site)

        def announce() -> None:
            console.up({"worker": True})
            console.note("Sending whatever is due. Ctrl-C stops; messages on the wire finish.")

        with told_to(sys.stderr, requests=False), sending(console, site):
            wait_for_signal(announce)
    return 0


def _drain(console: Console, site: Site) -> int:
    """One round. What is put off for later is left to the next one."""
    from newsletter.cli.send import stops_on_signals
    from newsletter.feedback.mailbox import MailboxError
    from newsletter.site.listening import listen

    site.housekeeping()
    site.look_up_domains()
    if site.config.feedback.mailbox:
        try:
            listen(site)
        except MailboxError as error:
            console.warn(str(error))
    transport = site.transport()
    sender = site.sender(transport=transport)
    with stops_on_signals(console, sender, transport) as stopped:
        sender.drain()
        site.tell_editor()
    console.result({"drained": not stopped.is_set()})
    return 130 if stopped.is_set() else 0


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="SMTP port (0: any).")
@click.option("--web-port", type=click.IntRange(0, 65535), default=0, help="Port of the inbox page (0: any).")
@click.option("--defer", type=RATE, default=0.0, help="Share of recipients answered 4xx, 0 to 1.")
@click.option("--reject", type=RATE, default=0.0, help="Share of recipients answered 5xx.")
@click.option("--drop", type=RATE, default=0.0, help="Share of messages after whose final dot the line goes dead.")
@click.option("--delay", type=click.FloatRange(0, 60), default=0.0, help="Seconds before each answer to a message.")
@console_options
def sandbox(
    console: Console, port: int, web_port: int, *, defer: float, reject: float, drop: float, delay: float
) -> None:
    """Run the local inbox: an SMTP server that keeps every mail, misbehaves on demand, and a page to look at them."""
    from newsletter.transport.sandbox import Faults, Sandbox

    faults = Faults(defer_rate=defer, reject_rate=reject, drop_after_dot_rate=drop, delay_seconds=delay)

    with console.open_site() as site:
        mine = Sandbox.start_or_join(site.sandbox_folder, port=port, faults=faults)
        if mine.joined:
            console.warn("the sandbox runs in another process already, so --port and faults have no effect here.")
        try:
            with inbox(console, site, web_port) as url:
                smtp = f"{mine.address.host}:{mine.address.port}"

                def announce() -> None:
                    page = f", inbox at {url}" if url else ""
                    console.up({"smtp": smtp, "inbox": url or None}, f"SMTP on {smtp}{page}")
                    console.note("Ctrl-C stops; the mails stay in var/sandbox.")

                wait_for_signal(announce)
        finally:
            mine.stop()


@contextmanager
def running(console: Console, site: Site, *, host: str | None = None, port: int | None = None) -> Iterator[Server]:
    """The web pages and the embedded sender, until the block ends."""
    from newsletter.web.app import create_app
    from newsletter.web.logs import told_to
    from newsletter.web.serve import serve as bind

    requests = site.config.server.access_log and not console.quiet
    with told_to(sys.stderr, requests=requests), sending(console, site) as wake:
        server = bind(create_app(site, on_enrolled=wake), site.config.server, host=host, port=port)
        server.start()
        try:
            yield server
        finally:
            server.close()


@contextmanager
def sending(console: Console, site: Site, grace: float = GRACE) -> Iterator[Callable[[], None]]:
    """A sender in a thread, until the block ends; gives a function that wakes it. Trouble is told once.

    At the end the messages on the wire have `grace` seconds to finish, then their connections are broken.
    """
    from newsletter.site.alarm import tell_of_attack

    told: set[str] = set()

    def on_trouble(error: Exception) -> None:
        text = redacted(str(error) if isinstance(error, NewsletterError) else f"{type(error).__name__}: {error}")
        if text not in told:
            told.add(text)
            console.warn(f"{text} Mail waits where it is and is tried again.")

    site.housekeeping()
    transport = site.transport()
    sender = site.sender(transport=transport)
    over, gone = threading.Event(), threading.Event()

    def keep_house() -> None:
        done = time.monotonic()
        while not over.wait(GLANCE):
            try:
                site.freeze_series()
                site.turnout.write()
                tell_of_attack(site)
                if time.monotonic() - done >= HOUSEKEEPING:
                    done = time.monotonic()
                    site.housekeeping()
                    site.tell_editor()
            except Exception as error:  # the next round may go better
                on_trouble(error)

    def look_up() -> None:
        while not over.wait(LOOKING_UP):
            try:
                site.look_up_domains()
            except Exception as error:
                on_trouble(error)

    threads = [
        threading.Thread(target=sender.serve_forever, args=(on_trouble,), name="newsletter-sender"),
        threading.Thread(target=keep_house, name="newsletter-housekeeping", daemon=True),
        threading.Thread(target=look_up, name="newsletter-look-up"),
    ]
    for thread in threads:
        thread.start()
    try:
        with hearing(console, site, on_trouble):
            yield sender.wake
    finally:
        over.set()
        sender.stop()
        breaks_off(transport, gone, after=grace)
        threads[0].join()
        threads[2].join()
        gone.set()


@contextmanager
def hearing(console: Console, site: Site, on_trouble: Callable[[Exception], None]) -> Iterator[None]:
    """The mailbox of bounces, if there is one, read again and again in a thread, until the block ends."""
    if not site.config.feedback.mailbox:
        yield
        return
    from newsletter.site.listening import listen

    over = threading.Event()

    def hear() -> None:
        while not over.is_set():
            try:
                done = listen(site, goes_on=lambda: not over.is_set())
                if done.tally.unmatched >= MANY_FORGERIES:
                    console.warn(f"{done.tally.unmatched} {FORGERIES}")
            except Exception as error:
                on_trouble(error)
            over.wait(60 * site.config.feedback.interval)

    thread = threading.Thread(target=hear, name="newsletter-mailbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=MAILBOX_GRACE)


@contextmanager
def inbox(console: Console, site: Site, port: int = 0) -> Iterator[str]:
    """The page of the sandbox inbox while no relay is configured, until the block ends; gives its address or ""."""
    if site.config.smtp is not None:
        yield ""
        return
    from newsletter.campaigns import snapshot
    from newsletter.web.inbox import create_inbox
    from newsletter.web.serve import serve as bind

    def picture(name: str) -> tuple[str, bytes] | None:
        with site.database.read() as connection:
            return snapshot.picture(connection, name)

    server = bind(create_inbox(site.sandbox_folder, picture), site.config.server, host="127.0.0.1", port=port)
    server.start()
    try:
        site.sandbox().announce(server.port)
        yield server.url
    finally:
        server.close()


def wait_for_signal(announce: Callable[[], None] = lambda: None) -> None:
    """Until Ctrl-C or SIGTERM, which end the command properly from before the announcement on."""
    stopped: list[int] = []
    before = {
        number: signal.signal(number, lambda caught, _frame: stopped.append(caught))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    # A byte wakes us even when the signal comes just before we fall asleep, where a lock would sleep on.
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    waker = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        announce()
        while not stopped:
            ours.recv(1)
    finally:
        signal.set_wakeup_fd(waker)
        for number, old in before.items():
            signal.signal(number, old)
        ours.close()
        theirs.close()
