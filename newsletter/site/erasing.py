"""Forgetting somebody in the whole folder: the database first, then the mails that the sandbox keeps.

Readers, programs and editors ask for it through three doors, and all of them come here. What an editor has written
into the folder (an export, a preview for one reader, a backup) is theirs to delete; it is only found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from newsletter.addresses import Address
from newsletter.site.folder import Folder
from newsletter.store.schema import SuppressionReason
from newsletter.subscribers import forget, holdings, people, suppression
from newsletter.subscribers.holdings import Trail
from newsletter.subscribers.people import Subscriber
from newsletter.subscribers.traces import Traces
from newsletter.transport.maildrop import Maildrop


@dataclass(frozen=True)
class Forgotten:
    """What was taken away, and by what more of it could be found."""

    mails: int
    """Mails of the sandbox."""
    traces: Traces


class Erasing(Folder):
    """How a Site forgets."""

    def forget(self, person: Subscriber) -> Forgotten:
        """Take one person out of everything, for good."""
        with self.database.write() as connection:
            trail = holdings.trail_of(connection, person)
            former = [self.keys.address_hash(each.key) for each in trail.addresses[1:]]
            forget.forget(connection, person, self.clock(), former=former)
        return self._out_of_files(trail)

    def forget_address(self, address: Address) -> Forgotten | None:
        """The same for an address that need not be on file: somebody may have replied, or been forgotten already.

        None, and nothing done, when nothing is known of it.
        """
        trail = Trail(0, 0, (address,))
        address_hash = self.keys.address_hash(address.key)
        with self.database.read() as connection:
            person = people.find(connection, address.key)
            is_known = suppression.reason_for(connection, address_hash) is SuppressionReason.ERASED
            is_known = is_known or holdings.count(connection, trail) > 0
        if person is not None:
            return self.forget(person)
        if not is_known:
            return None
        with self.database.write() as connection:
            forget.erase(connection, trail)
            suppression.suppress(connection, address_hash, SuppressionReason.ERASED, self.clock())
        return self._out_of_files(trail)

    def still_naming(self, traces: Traces) -> Iterator[Path]:
        """Files of the Site, relative to it, that name the person all the same."""
        return (path.relative_to(self.root) for path in traces.files(self.root))

    def _out_of_files(self, trail: Trail) -> Forgotten:
        forget.leave_no_trace(self.database)
        traces, drop = Traces(trail.addresses), Maildrop(self.var / "sandbox")
        mails = 0
        for number in drop.numbers():
            path = drop.path(number)
            if traces.found_in(path):
                path.unlink(missing_ok=True)
                mails += 1
        return Forgotten(mails, traces)
