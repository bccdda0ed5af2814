"""Everything that can be set, as frozen models; the descriptions become the documentation.

A value is checked where it enters (`kinds`), so that the rest of the house can rely on it; what two values
must not be together stands here: a password never meets a relay without TLS.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_serializer, model_validator

from newsletter import spelling
from newsletter.config.feedback import FeedbackConfig, WebhooksConfig
from newsletter.config.kinds import (
    Colour,
    HostName,
    Language,
    Line,
    MailAddress,
    MailProgram,
    OptionalMailAddress,
    ProviderRates,
    Slug,
    WebAddress,
    is_loopback,
)
from newsletter.config.section import Section
from newsletter.errors import NotFoundError

SAMPLE_POSTAL_ADDRESS = "1 Sample Street, 00000 Sampletown"
"""Part of the postal address that `init` writes; sending it to real readers is refused."""

RESERVED_FIELD_NAMES = frozenset(
    {
        "email",
        "name",
        "first_name",
        "confirmed_at",
        "list",
        "status",
        "tags",
        "form",
        "page",
        "lang",
        "contact_preference",
        "altcha",
        "unsubscribe",
    }
)
"""Names that columns of files, fields of forms, or merge tags have already."""


class SenderConfig(Section):
    """Who sends."""

    name: Line = Field("", description="Name in the From line; the Site's name when empty.")
    address: MailAddress = Field(description="Address in the From line; its mailbox must be read.")
    reply_to: OptionalMailAddress = Field("", description="Where answers go, when not to `address`.")
    postal_address: str = Field("", description="Printed in every issue; the law of most countries asks for it.")


class SmtpConfig(Section):
    """The relay that carries the mail on. Without this section everything goes to the sandbox."""

    host: Line = Field(description="Host name of the relay.")
    port: int = Field(587, ge=1, le=65535, description="587 with starttls, 465 with tls.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`none` is allowed on this machine only."
    )
    username: Line = Field("", description="Empty: no authentication.")
    password: SecretStr | None = Field(None, description="Better in NEWSLETTER_SMTP__PASSWORD or …_FILE.")
    connections: int = Field(4, ge=1, le=100, description="Sessions kept open at once.")
    rate: float | None = Field(None, gt=0, description="Messages a second at the most; unlimited when absent.")
    timeout: float | None = Field(None, gt=0, description="Seconds for every reply; RFC 5321's own limits when absent.")
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's.")

    @model_validator(mode="after")
    def _plain_only_on_loopback(self) -> SmtpConfig:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError('security = "none" is allowed for a relay on this machine only; use "starttls" or "tls"')
        if self.username and self.password is None:
            raise ValueError("a username needs a password: set NEWSLETTER_SMTP__PASSWORD or …_FILE")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether the relay is on this machine, so that nothing reaches real readers by accident."""
        return is_loopback(self.host)


class PacingConfig(Section):
    """How fast, at the most; limits that answers of receivers have taught apply as well."""

    rate: float | None = Field(
        None, gt=0, description="Messages a second through any relay, by all senders together; unlimited when absent."
    )
    providers: ProviderRates = Field(
        {},
        description="Messages a second to a receiving provider; `gmail.com` stands for all its domains. "
        "The variable is written as `gmail.com=5,gmx.net=2`.",
    )


class DatabaseConfig(Section):
    """Where people, campaigns and the ledger are kept."""

    url: str = Field(
        "sqlite:///var/newsletter.db",
        description="`sqlite:///` and a path relative to the Site, or `postgresql+psycopg://USER@HOST/NAME`.",
    )
    durability: Literal["process", "power"] = Field(
        "process", description="`process` survives any crash of the program, `power` of the machine too."
    )

    @field_serializer("url", when_used="json")
    def _without_password(self, url: str) -> str:
        return re.sub(r"(//[^:@/]*):[^@/]*@", r"\1:***@", url)


class ListConfig(Section):
    """An audience people subscribe to. The first list is the default."""

    slug: Slug = Field(description="Name in addresses and commands; keep it for ever.")
    title: Line = Field(description="Name readers see.")
    description: Line = Field("", description="One sentence under the title, and in the confirmation mail.")
    headline: Line = Field("", description="A few strong words over the form.")
    pitch: Line = Field("", description="One sentence on what readers will get.")
    button: Line = Field("Yes, sign me up", description="First person works best.")
    promise: Line = Field(
        "We comply fully with anti-spam law: no spam, no sharing, leave with one click.",
        description="The line under the button.",
    )
    public: bool = Field(True, description="Whether the forms of other lists offer this one too.")
    goodbye: bool = Field(False, description="Whether a farewell is mailed after unsubscribing.")


class StepConfig(Section):
    """One issue of a series."""

    issue: Line = Field(description="Folder under `issues/`; frozen when the first copy is due.")
    after_days: int = Field(ge=0, le=3650, description="Days after the confirmation.")


class SeriesConfig(Section):
    """Issues that every new reader of a list gets, one after the other."""

    name: Slug = Field(description="Name in commands; keep it as long as the series runs.")
    list: Slug = Field(description="Slug of the list whose new readers get it.")
    steps: tuple[StepConfig, ...] = Field(min_length=1, description='`{ issue = "…", after_days = 3 }` for each mail.')

    @model_validator(mode="after")
    def _each_issue_once(self) -> SeriesConfig:
        issues = [step.issue for step in self.steps]
        if twice := sorted({issue for issue in issues if issues.count(issue) > 1}):
            raise ValueError(f"two steps of the series {self.name!r} send issue {twice[0]!r}")
        return self


class FieldConfig(Section):
    """Something else to know about a subscriber, available as `{{ subscriber.<name> }}`."""

    name: str = Field(description="Lower-case letters, digits and underscores.")
    type: Literal["text", "number", "date", "boolean"] = Field("text", description="How values are checked.")
    label: Line = Field("", description="What forms call it.")
    required: bool = Field(False, description="Whether the form insists; an import and `subscriber add` do not.")

    @model_validator(mode="after")
    def _usable_name(self) -> FieldConfig:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", self.name):
            raise ValueError("a field name consists of lower-case letters, digits and underscores, a letter first")
        if self.name in RESERVED_FIELD_NAMES:
            raise ValueError(f"a field cannot be called {self.name}: forms, imports or merge tags use that name")
        return self


class DkimConfig(Section):
    """The signature under every mail."""

    domain: HostName = Field("", description="The d= of the signature; without it the relay has to sign.")
    selector: HostName = Field("newsletter", min_length=1, description="The s= of the signature.")
    key_file: Path | None = Field(
        None, description="PEM file of the private key, mode 0600; `var/dkim-<selector>.pem` when absent."
    )

    @property
    def key_path(self) -> Path:
        """Where the private key is, relative to the Site."""
        return self.key_file or Path(f"var/dkim-{self.selector}.pem")

    def is_aligned(self, domain: str) -> bool:
        """Whether a From at `domain` (an A-label) and the signature vouch for each other: one lies in the other.

        DMARC would also let two subdomains of one organisation pass, but that takes a look into DNS.
        """
        return f".{domain}".endswith(f".{self.domain}") or f".{self.domain}".endswith(f".{domain}")


class ArchiveConfig(Section):
    """Past issues on the web."""

    visibility: Literal["public", "private"] = Field("public", description="`private` publishes no issue pages.")
    replies: bool = Field(
        False, description="Whether readers may reply under an issue; an editor approves what is shown."
    )


class ServerConfig(Section):
    """The web pages' own server."""

    host: Line = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    trusted_proxies: tuple[str, ...] = Field((), description="Proxies whose X-Forwarded-For is believed.")
    access_log: bool = Field(
        False, description="Whether `serve` writes a line per request to standard error, without anything personal."
    )


class SignupsConfig(Section):
    """How wary the sign-up form is; `newsletter signups status` shows what the gate did."""

    proof: Literal["auto", "always", "never"] = Field(
        "auto", description="Proof of work, done by the browser: when something looks odd, from everybody, or never."
    )
    mails_per_minute: int = Field(
        300, ge=1, description="Confirmation mails at the most; above half of it everybody brings a proof of work."
    )
    mails_per_domain: int = Field(
        300, ge=1, description="Confirmation mails an hour to one domain; great providers may receive ten times that."
    )
    attack: int = Field(
        500, ge=1, description="Sign-ups within ten minutes that are never an attack; above, ten times the usual is."
    )
    alert: OptionalMailAddress = Field("", description="Who is told of an attack; the sender's mailbox when empty.")
    disposable: tuple[str, ...] = Field((), description="More domains of throw-away mailboxes; they meet a proof.")


class ThemeConfig(Section):
    """What issues wear."""

    name: Slug = Field("magazine", description="Theme; `newsletter theme list` shows which there are.")
    accent: Colour = Field("#0b6b63", description="Colour of links and buttons.")
    fonts: Literal["serif", "sans"] = Field("serif", description="Face of the headings.")
    density: Literal["comfortable", "compact"] = Field("comfortable", description="Space between the parts.")
    tagline: Line = Field("", description="Short line under the masthead.")


class ImagesConfig(Section):
    """How pictures of issues are made fit for mails."""

    quality: int = Field(80, ge=40, le=95, description="JPEG quality; a picture over 200 KB gets less.")
    embed: bool = Field(
        False, description="Whether pictures travel inside every copy instead of being fetched from the web pages."
    )


class ChecksConfig(Section):
    """What `newsletter check` looks at."""

    ignore: tuple[str, ...] = Field((), description="Rule ids whose warnings are not reported.")
    clients: tuple[MailProgram, ...] = Field(
        ("gmail", "outlook", "outlook-web", "apple-mail", "yahoo"),
        description="Mail programs that everything has to work in; also `thunderbird` and `samsung-email`.",
    )


class ConsentConfig(Section):
    """How long personal parts of the evidence are kept."""

    retention: int = Field(1095, ge=1, description="Days the personal parts are kept after leaving.")
    unconfirmed: int = Field(30, ge=0, description="Days a sign-up is kept after its link ran out unconfirmed.")
    version: Line = Field("1", description="Your own number of the sign-up wording; raise it when you change it.")


class KeysConfig(Section):
    """Where the key ring is."""

    file: Path = Field(Path("var/keys.toml"), description="Mode 0600, outside the database and its backups.")


class Config(Section):
    """The whole file."""

    name: Line = Field(min_length=1, description="The newsletter's name: masthead, forms, mails.")
    base_url: WebAddress = Field(description="Where readers reach the web pages; links in mails start with it.")
    language: Language = Field("en", description="Language of the interface texts, and of what is typeset.")
    languages: tuple[Language, ...] = Field(
        (), description="Languages in which pages and mails meet their readers; only `language` when empty."
    )
    typography: bool = Field(
        True, description="Whether quotation marks, dashes and ellipses in articles become those of print."
    )
    require_approval: bool = Field(
        False, description="Whether `send` refuses issues that are not as `newsletter approve` has seen them."
    )
    sender: SenderConfig
    smtp: SmtpConfig | None = None
    pacing: PacingConfig = PacingConfig()
    database: DatabaseConfig = DatabaseConfig()
    lists: tuple[ListConfig, ...] = Field(min_length=1)
    fields: tuple[FieldConfig, ...] = ()
    series: tuple[SeriesConfig, ...] = ()
    dkim: DkimConfig = DkimConfig()
    feedback: FeedbackConfig = FeedbackConfig()
    webhooks: WebhooksConfig = WebhooksConfig()
    archive: ArchiveConfig = ArchiveConfig()
    server: ServerConfig = ServerConfig()
    signups: SignupsConfig = SignupsConfig()
    theme: ThemeConfig = ThemeConfig()
    images: ImagesConfig = ImagesConfig()
    checks: ChecksConfig = ChecksConfig()
    consent: ConsentConfig = ConsentConfig()
    keys: KeysConfig = KeysConfig()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Config:
        named = {
            "list": [each.slug for each in self.lists],
            "field": [each.name for each in self.fields],
            "series": [each.name for each in self.series],
        }
        for what, names in named.items():
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"two {what if what == 'series' else what + 's'} are called {sorted(twice)[0]!r}")
        for series in self.series:
            if series.list not in named["list"]:
                raise ValueError(f"the series {series.name!r} is for the list {series.list!r}, which there is not")
        return self

    @property
    def default_list(self) -> ListConfig:
        """The first list."""
        return self.lists[0]

    def list(self, slug: str | None) -> ListConfig:
        """The list of that slug (None: the default one), or `NotFoundError` naming the nearest."""
        if slug is None:
            return self.default_list
        for each in self.lists:
            if each.slug == slug:
                return each
        raise NotFoundError(f"There is no list {slug!r}.", hint=spelling.hint(slug, [each.slug for each in self.lists]))

    @property
    def offered_languages(self) -> tuple[str, ...]:
        """Every language of the interface, the Site's own first."""
        return tuple(dict.fromkeys([self.language, *self.languages]))

    @property
    def uses_sandbox(self) -> bool:
        """Whether every mail goes to the inbox on this machine, because no relay is set."""
        return self.smtp is None

    @property
    def is_local(self) -> bool:
        """Whether mail first reaches this machine only: the sandbox, or a relay on loopback."""
        return self.smtp is None or self.smtp.is_loopback

    @property
    def from_name(self) -> str:
        """The display name of the From line."""
        return self.sender.name or self.name
