"""What mail providers post to us: signed bodies become reports, one module for each provider.

Every module is pure: bytes and headers in, verified values out. What a provider says is still a claim about a mail;
intake believes it only when it proves to be one of ours.
"""

from __future__ import annotations

from newsletter.feedback.webhooks.post import Event, Heard, Hook, Post, Refused, Unreadable

__all__ = ["Event", "Heard", "Hook", "Post", "Refused", "Unreadable"]
