"""Settings of what comes back: the mailbox that is read, and the providers that post."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from newsletter.config.kinds import Line, MailboxAddress, ReturnPath
from newsletter.config.section import Section


class FeedbackConfig(Section):
    """Where bounces, complaints and unsubscribe mails come back."""

    return_path: ReturnPath = Field(
        "", description="Domain or address for envelope senders that name the recipient (VERP)."
    )
    mailbox: MailboxAddress = Field(
        "",
        description="Mailbox that is read: `imaps://user@host/INBOX` or `maildir:path`. With it, and a return path, "
        "copies also offer to unsubscribe by mail.",
    )
    password: SecretStr | None = Field(None, description="Better in NEWSLETTER_FEEDBACK__PASSWORD or …_FILE.")
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's.")
    interval: float = Field(5, ge=0.1, description="Minutes between looks into the mailbox.")
    handled: Literal["move", "delete"] = Field(
        "move", description="What is done goes to the folder `Handled` for `retention` days, or is deleted."
    )
    retention: int = Field(30, ge=1, description="Days reports are kept; what was learned from them stays.")

    @model_validator(mode="after")
    def _mailbox_has_its_password(self) -> FeedbackConfig:
        if self.mailbox.startswith("imap") and self.password is None:
            raise ValueError("a mailbox on a server needs a password: set NEWSLETTER_FEEDBACK__PASSWORD or …_FILE")
        return self

    @property
    def reads_mailto(self) -> bool:
        """Whether a mail to an address that ends a subscription is read."""
        return bool(self.mailbox and self.return_path)


class WebhooksConfig(Section):
    """Mail providers that post what comes back to `/hooks/<provider>`; one is heard once its secret is set."""

    ses_topics: tuple[str, ...] = Field((), description="ARNs of the SNS topics that Amazon SES reports to.")
    sendgrid_key: Line = Field("", description="Verification key of SendGrid's signed event webhook.")
    postmark_password: SecretStr | None = Field(
        None, description="Password in the address Postmark posts to, or in the header X-Newsletter-Secret."
    )
    mailgun_key: SecretStr | None = Field(None, description="Mailgun's webhook signing key.")
    generic_secret: SecretStr | None = Field(None, description="Secret of the hook for everybody else.")
