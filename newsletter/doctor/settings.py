"""The configuration: what can be read in it and still will not do.

What cannot be read at all never comes here; `newsletter.config` refuses it with a sentence of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import SecretStr

from newsletter.config import FILE_NAME, SAMPLE_POSTAL_ADDRESS, is_loopback, settable, variable_for
from newsletter.deliveries.providers import provider_of
from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, error, graver, ok, skipped, warning

FREEMAIL = frozenset(
    {
        *("gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.net"),
        *("proton.me", "protonmail.com", "mail.ru", "yandex.ru", "yandex.com", "qq.com", "163.com", "126.com"),
        *("orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "libero.it", "t-online.de", "comcast.net"),
        *("mail.com", "zoho.com", "hey.com", "fastmail.com", "tutanota.com", "freenet.de"),
    }
)
"""Providers of mailboxes, each by its first domain: only their own servers may send as them, and they publish so."""


def examine(case: Case) -> Iterator[Finding]:
    """Look at the settings themselves."""
    yield ok("configuration.readable", f"{FILE_NAME} can be read and holds nothing unknown.")
    yield from _relay(case)
    yield from _sender(case)
    yield from _addresses(case)
    yield from _proxies(case)
    yield from _secrets(case)
    for told in case.origins.warnings:
        yield warning("configuration.environment", told, "See docs/configuration.md.")


def _relay(case: Case) -> Iterator[Finding]:
    if case.config.smtp is None:
        yield skipped(
            "configuration.relay",
            "No [smtp] is set, so mail goes to the sandbox on this machine and nothing is asked of the network.",
            "Set [smtp] when you want to reach readers, then run this again.",
        )
    elif case.is_trying:
        yield skipped(
            "configuration.relay",
            f"The relay {case.config.smtp.host} is this machine and base_url has no public name, "
            "so nothing is asked of the network.",
            "Set base_url to a public https address if this machine is your mail server.",
        )
    else:
        yield ok("configuration.relay", f"Mail leaves through {case.config.smtp.host}:{case.config.smtp.port}.")


def _sender(case: Case) -> Iterator[Finding]:
    domain, sender = case.sender_domain, case.config.sender
    if provider_of(domain) in FREEMAIL:
        yield graver(
            not case.is_trying,
            "configuration.sender_domain",
            f"The From address is at {domain}, whose mail only its own servers may send: receivers refuse it from "
            "anywhere else.",
            "Set [sender] address to one at a domain of your own; [sender] reply_to may be any mailbox.",
        )
    else:
        yield ok("configuration.sender_domain", f"The From address is at {domain}.")
    if not sender.postal_address.strip() or SAMPLE_POSTAL_ADDRESS in sender.postal_address:
        yield graver(
            not case.is_trying,
            "configuration.postal_address",
            "The postal address is missing or that of the example; `newsletter send` refuses to mail readers with it.",
            "Set [sender] postal_address to where you can be reached by letter; most countries ask for it.",
        )


def _addresses(case: Case) -> Iterator[Finding]:
    base_url = case.config.base_url
    if case.has_no_public_pages:
        what = "this machine" if is_loopback(case.web_host) else "a name reserved for examples"
        yield graver(
            not case.is_trying,
            "configuration.base_url",
            f"base_url is {base_url}, {what}, so no reader can follow a link in a mail, not even to unsubscribe.",
            "Set base_url to the https address under which `newsletter serve` is reached from outside.",
        )
    else:
        yield ok("configuration.base_url", f"Links in mails begin with {base_url}.")


def _proxies(case: Case) -> Iterator[Finding]:
    if not case.config.base_url.startswith("https://") or is_loopback(case.web_host):
        return
    trusted = case.config.server.trusted_proxies
    if not trusted:
        yield warning(
            "configuration.trusted_proxies",
            "base_url is https, so a web server stands before the pages, and server.trusted_proxies does not name it: "
            "every sign-up is filed under its network, and the gate takes all visitors for one.",
            f'Put trusted_proxies = ["127.0.0.1"] below [server] in {FILE_NAME} when it runs on this machine, '
            "else its address.",
        )
    elif any(each.strip() in {"0.0.0.0/0", "::/0"} for each in trusted):
        yield error(
            "configuration.trusted_proxies",
            "server.trusted_proxies names the whole internet, so that visitors write their own evidence of consent.",
            "Name the one web server that stands before the pages.",
        )
    else:
        yield ok("configuration.trusted_proxies", f"X-Forwarded-For is believed from {', '.join(trusted)}.")


def _secrets(case: Case) -> Iterator[Finding]:
    exposed = [key for key in settable() if case.origins.get(key) == FILE_NAME and _is_secret(case, key)]
    for key in exposed:
        yield warning(
            "configuration.secrets",
            f"{FILE_NAME} holds the secret {key}; that file is meant to be committed and read by others.",
            f"Move it to .env as {variable_for(key)}=…, or name a file with {variable_for(key)}_FILE; "
            "change the secret if the file was ever shared.",
        )
    if not exposed:
        yield ok("configuration.secrets", f"{FILE_NAME} holds no secret.")


def _is_secret(case: Case, key: str) -> bool:
    section, _, leaf = key.partition(".")
    value = getattr(getattr(case.config, section), leaf, None) if leaf else None
    if key == "database.url":
        return ":" in str(value).partition("://")[2].rpartition("@")[0]
    return isinstance(value, SecretStr) and bool(value.get_secret_value())
