"""The pages as readers and mail providers reach them: over base_url, through whatever web server stands before them.

The server proves that it is ours by answering a signed question, and says what it saw of the request: whether it
came by https, from which address, and whether the forwarding headers of the web server before it were believed.
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from newsletter.config import is_loopback
from newsletter.doctor.case import Case, is_public
from newsletter.doctor.findings import Finding, error, graver, ok, skipped, warning
from newsletter.doctor.moments import near_expiry, skew, spoken
from newsletter.doctor.sight import QUESTION, answer_to, question
from newsletter.errors import ConfigError
from newsletter.subscribers.letterhead import INERT

SECONDS = 10.0
MOST = 64 * 1024
"""Octets of an answer that are read."""
FORGED = "192.0.2.77"
"""An address nobody has (RFC 5737), which a visitor might claim to come from."""


@dataclass(frozen=True)
class Reply:
    """What came back over the web."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    certificate_expires: str = ""


def examine(case: Case) -> Iterator[Finding]:
    """Ask the pages a question only our own server can answer, then leave with one click as nobody."""
    try:
        keys = case.keys()
    except ConfigError:
        return  # told under keys
    if case.has_no_public_pages and not is_loopback(case.web_host):
        yield skipped("pages.reachable", f"{case.config.base_url} is a name for examples, so it is not asked.")
        return
    nonce = secrets.randbits(63)
    path = f"{QUESTION}/{question(keys, nonce, case.clock())}"
    try:
        reply = ask(case.config.base_url, "GET", path, headers={"X-Forwarded-For": FORGED})
    except (OSError, http.client.HTTPException) as fault:
        yield _unreachable(case, fault)
        return
    seen = _seen(reply)
    if seen is None or seen.get("proof") != answer_to(keys, nonce):
        yield graver(not case.is_trying, *_not_ours(case, reply))
        return
    yield ok("pages.reachable", f"{case.config.base_url} is answered by this Site's own server.")
    yield from _sight(case, seen)
    yield from _certificate(case, reply)
    yield from _one_click(case)
    said = spoken(reply.headers.get("Date", ""))
    if said is not None and not is_loopback(case.web_host):
        yield from skew(case.clock(), said, case.web_host)


def ask(base_url: str, method: str, path: str, *, body: str = "", headers: dict[str, str] | None = None) -> Reply:
    """One request to the pages, following nothing. Raises OSError or `HTTPException`."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=SECONDS)
    try:
        connection.connect()
        sock: Any = connection.sock
        found = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        connection.request(
            method, parts.path + path, body or None, {"User-Agent": "newsletter-doctor", **(headers or {})}
        )
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read(MOST), str((found or {}).get("notAfter", "")))
    finally:
        connection.close()


def _unreachable(case: Case, fault: Exception) -> Finding:
    base_url = case.config.base_url
    if isinstance(fault, ssl.SSLCertVerificationError):
        return error(
            "pages.reachable",
            f"The certificate of {case.web_host} does not verify: {fault.verify_message.rstrip('.')}.",
            "Renew it, or put the right one into the web server; mail providers refuse one-click posts to such a page.",
        )
    if is_loopback(case.web_host) and isinstance(fault, ConnectionRefusedError):
        return skipped(
            "pages.reachable",
            f"Nothing answers at {base_url}: `newsletter serve` does not run now.",
            "Start it and run this again to have the pages looked at.",
        )
    reason = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    return graver(
        not case.is_trying,
        "pages.reachable",
        f"{base_url} cannot be reached: {str(reason).rstrip('.')}.",
        "Check that the name leads to this machine, and that the web server runs and passes on to `newsletter serve`.",
    )


def _not_ours(case: Case, reply: Reply) -> tuple[str, str, str]:
    base_url = case.config.base_url
    if 300 <= reply.status < 400:
        return (
            "pages.redirect",
            f"{base_url} redirects to {reply.headers.get('Location', 'somewhere else')}; mail providers do not follow "
            "redirects when a reader leaves with one click.",
            "Set base_url to where the redirect leads, or have the web server answer in place.",
        )
    if reply.status in {502, 503, 504}:
        return (
            "pages.reachable",
            f"The web server at {base_url} answers {reply.status}: it does not get through to `newsletter serve`.",
            "Start `newsletter serve`, and compare [server] host and port with what the web server passes on to.",
        )
    return (
        "pages.reachable",
        f"{base_url} is answered by something else than this Site's server (status {reply.status}).",
        "Have the web server pass all paths on unchanged to `newsletter serve`; one started before keys were rotated "
        "has to be restarted.",
    )


def _seen(reply: Reply) -> dict[str, str] | None:
    if reply.status != 200:
        return None
    try:
        found = json.loads(reply.body)
    except ValueError:
        return None
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else None


def _sight(case: Case, seen: dict[str, str]) -> Iterator[Finding]:
    peer, forwarded, address = seen.get("peer", ""), seen.get("forwarded", ""), seen.get("address", "")
    is_https = case.config.base_url.startswith("https://")
    if forwarded == "ignored" and is_https:
        yield error(
            "pages.proxy",
            f"The web server before the pages comes from {peer}, which server.trusted_proxies does not name: the "
            "server takes every visitor for it.",
            f'Put trusted_proxies = ["{peer}"] below [server] in newsletter.toml and restart `newsletter serve`.',
        )
    elif is_https and seen.get("scheme") != "https":
        yield error(
            "pages.proxy",
            "The server believes that it was asked by http, though base_url is https.",
            'Have the web server send X-Forwarded-Proto and X-Forwarded-For (nginx: "proxy_set_header '
            'X-Forwarded-Proto $scheme;" and "proxy_set_header X-Forwarded-For $remote_addr;").',
        )
    elif is_https and address == FORGED:
        yield error(
            "pages.proxy",
            "The web server before the pages passes X-Forwarded-For on as visitors write it, so they can choose their "
            "address for the evidence of consent and for the gate.",
            'Have it set the header itself (nginx: "proxy_set_header X-Forwarded-For $remote_addr;").',
        )
    elif is_https and not is_public(address):
        yield warning(
            "pages.proxy",
            f"The server saw us come from {address}, an address of a private network. That is right when this machine "
            "reaches its pages without leaving that network, and wrong when every visitor looks like that.",
            "Run `newsletter doctor` from elsewhere, or look at the networks in `newsletter signups blocked`.",
        )
    else:
        how = "through a web server that is believed" if forwarded == "believed" else "directly"
        yield ok("pages.proxy", f"The server saw our request come by {seen.get('scheme', '')} {how}.")


def _certificate(case: Case, reply: Reply) -> Iterator[Finding]:
    if reply.certificate_expires:
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(reply.certificate_expires), UTC)
        yield near_expiry("pages.certificate", case.web_host, ends, case.clock())


def _one_click(case: Case) -> Iterator[Finding]:
    """RFC 8058 §3.1: the mail provider posts and wants a plain 200."""
    try:
        reply = ask(
            case.config.base_url,
            "POST",
            f"/u/{INERT}",
            body="List-Unsubscribe=One-Click",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    except (OSError, http.client.HTTPException) as fault:
        yield error("pages.one_click", f"A one-click post was cut off: {fault}.", "Look at the web server's log.")
        return
    if reply.status != 200 or "Location" in reply.headers:
        yield error(
            "pages.one_click",
            f"A one-click post to {case.config.base_url}/u/… is answered with {reply.status}, not with 200.",
            "Let the web server pass POST requests on unchanged: no redirect, no login, no check of cookies or origin.",
        )
    elif "Set-Cookie" in reply.headers:
        yield error(
            "pages.one_click",
            "Something between us and the pages sets a cookie when a reader leaves.",
            "Switch that off for /u/ in the web server or the service before it.",
        )
    else:
        yield ok(
            "pages.one_click", "Leaving with one click works: a post is answered with 200, no redirect, no cookie."
        )
