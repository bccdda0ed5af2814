"""Kinds of value that a setting may have: each checked and brought into one form where it enters.

An address can be mailed, a URL has a scheme, a name fits into a header.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from newsletter import addresses
from newsletter.errors import AddressError


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host.lower().rstrip(".") in {"localhost", "localhost.localdomain"}:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _one_line(value: str) -> str:
    if any(ord(character) < 32 or ord(character) in {127, 0x85, 0x2028, 0x2029} for character in value):
        raise ValueError("must not contain line breaks or control characters")
    return " ".join(value.split())


def _address(value: str) -> str:
    try:
        return addresses.parse(value).email
    except AddressError as error:
        raise ValueError(str(error)) from error


def _optional_address(value: str) -> str:
    return _address(value) if value else ""


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", value):
        raise ValueError("must consist of lower-case letters, digits and hyphens, at most 63 of them")
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://news.example.org")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must start with https:// (http is allowed on this machine only, for trying)")
    return value.rstrip("/")


def _host_name(value: str) -> str:
    name = _one_line(value).rstrip(".").lower()
    if not name.isascii():
        try:
            name = addresses.parse(f"name@{name}").domain
        except AddressError as error:
            raise ValueError("must be a name as DNS knows it") from error
    label = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
    if value.strip() and (len(name) > 253 or not re.fullmatch(rf"{label}(?:\.{label})*", name)):
        raise ValueError("must be a name as DNS knows it: letters, digits, hyphens and dots")
    return name


def _return_path(value: str) -> str:
    """A domain or an address; its domain as an A-label, as the wire wants it."""
    local, at, domain = _one_line(value).rpartition("@")
    if not domain and not at:
        return ""
    try:
        found = addresses.parse(f"{local if at else 'bounces'}@{domain}")
    except AddressError as error:
        raise ValueError("must be a domain such as bounces.example.org, or an address") from error
    return f"{local}@{found.domain}" if at else found.domain


def _mailbox(value: str) -> str:
    """`imaps://user@host/folder`, `imap://` on this machine only, or `maildir:path`."""
    value = _one_line(value)
    if not value or (value.startswith("maildir:") and value != "maildir:"):
        return value
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError("must be an address such as imaps://user@mail.example.org/INBOX") from error
    if parts.scheme not in {"imaps", "imap"} or not parts.hostname or not parts.username or port == 0:
        raise ValueError("must be an address such as imaps://user@mail.example.org/INBOX, or maildir:path")
    if parts.password is not None:
        raise ValueError("must not hold the password: that belongs in NEWSLETTER_FEEDBACK__PASSWORD or …_FILE")
    if parts.scheme == "imap" and not is_loopback(parts.hostname):
        raise ValueError("must begin with imaps:// (imap:// is allowed on this machine only)")
    return value


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError(f'must be a colour such as "#0b6b63", not {value[:40]!r}')
    return value


def _pairs(value: object) -> object:
    """`a=1,b=2`, as a variable gives it, as a table."""
    if not isinstance(value, str):
        return value
    return {name.strip(): rate.strip() for name, _, rate in (pair.partition("=") for pair in value.split(","))}


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", value):
        raise ValueError(f'must be a language such as "en" or "pt-BR", not {value[:40]!r}')
    return value


Line = Annotated[str, AfterValidator(_one_line)]
Slug = Annotated[str, AfterValidator(_slug)]
HostName = Annotated[str, AfterValidator(_host_name)]
MailAddress = Annotated[str, AfterValidator(_address)]
OptionalMailAddress = Annotated[str, AfterValidator(_optional_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
ReturnPath = Annotated[str, AfterValidator(_return_path)]
MailboxAddress = Annotated[str, AfterValidator(_mailbox)]
Colour = Annotated[str, AfterValidator(_colour)]
Language = Annotated[str, AfterValidator(_language)]
MailProgram = Literal["gmail", "outlook", "outlook-web", "apple-mail", "yahoo", "thunderbird", "samsung-email"]
Rate = Annotated[float, Field(gt=0)]
ProviderRates = Annotated[Mapping[HostName, Rate], BeforeValidator(_pairs)]
