"""Telling the editor: a mail about replies that wait to be read.

It does not go through the ledger: rows there belong to subscribers, and an editor is none. One mail names all that
is new, however many came, so that nobody can flood the editor's mailbox through the form; a visitor never waits for
it. It is at-least-once: what was not accepted is told again in the next round.
"""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.addresses import for_the_wire
from newsletter.rendering import headers
from newsletter.site.sending import Sending
from newsletter.store.types import to_millis
from newsletter.subscribers import replies
from newsletter.transport.base import Envelope, Outcome, Settled, Transport, Verdict

MOST_QUOTED = 20
"""Replies quoted in one mail; of the others it tells how many there are."""


class Telling(Sending):
    """What the editor of a Site hears."""

    def tell_editor(self, transport: Transport | None = None) -> int:
        """Mail the editor about replies that are new; returns how many were told of.

        Raises `TransportUnavailable` when the relay cannot be used. A copy of the database tells nothing.
        """
        if not self.config.archive.replies:
            return 0
        with self.database.read() as connection:
            new = replies.untold(connection)
        if not new or self.fence.difference():
            return 0
        outcomes: list[Outcome] = []
        waiting = [self._letter(new)]

        def settle(done: Sequence[Settled], _arming: Sequence[Envelope]) -> Sequence[Envelope]:
            outcomes.extend(outcome for _, outcome in done)
            return ()

        (transport or self.transport(impatient=True)).run(lambda: waiting.pop() if waiting else None, settle)
        if not outcomes or outcomes[0].verdict is not Verdict.ACCEPTED:
            return 0
        with self.database.write() as connection:
            replies.mark_told(connection, new, self.clock())
        return len(new)

    def _letter(self, new: Sequence[replies.Reply]) -> Envelope:
        from newsletter.rendering.compiled import compile_message
        from newsletter.rendering.mail import render_mail

        sender, now = self.config.sender, self.clock()
        editor = sender.reply_to or sender.address
        quoted = list(new[:MOST_QUOTED])
        rendered = render_mail(
            *(self.environment, "replies", self.config),
            lists=(),
            replies=quoted,
            count=len(new),
            more=len(new) - len(quoted),
        )
        shared = [
            *self.letterhead.from_headers(),
            *self.letterhead.personal_headers(editor, "", f"replies.{to_millis(now)}.{new[-1].id}"),
            headers.date(now),
            headers.structured("Auto-Submitted", "auto-generated"),
        ]
        message = compile_message(rendered, shared).fill({}, (), self.signer)
        return Envelope(for_the_wire(sender.address), for_the_wire(editor), message, is_canonical=True)
