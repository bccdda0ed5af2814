"""What one copy costs to build, beside a bare Jinja render of the same final document with the same slots.

Ours makes everything that a copy needs: values of the reader, the unsubscribe link and its MAC, headers,
subject, quoted-printable. Jinja only prints the finished document, text and HTML, with the values put in.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import documents
import jinja2
import stage
import table
from stage import Relay

from newsletter.campaigns.compose import IssueComposer
from newsletter.deliveries.claims import Delivery


def main() -> None:
    """One row."""
    chosen = table.options(__doc__, messages=2000).parse_args()
    table.begin(chosen)
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
        place = Path(folder, "site")
        stage.build(place, chosen.messages)
        length = stage.write_issue(place, 30_000)
        document = documents.final(place)
        with stage.opened(place, Relay(25)) as site:
            rows = stage.rows(site, stage.launch(site))
            composer = stage.composer(site)
            pairs = table.interleaved(chosen.rounds, lambda: render(document, len(rows)), lambda: build(composer, rows))
    table.row(
        f"building one message of {length / 1000:.1f} KB",
        table.at_most(2, "× a bare jinja2 render"),
        [ours / theirs for theirs, ours in pairs],
        table.medians(pairs, "jinja2 {:.1f} µs", "ours {:.1f} µs", scale=1e6),
    )


def render(document: documents.Document, count: int) -> float:
    """Processor seconds for Jinja to print the document once."""
    env = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = f"{document.subject}\n\n{document.text}\n\n{document.html}"
    template = env.from_string(source)
    values = [document.values(number) for number in range(count)]
    template.render(values[0])
    begun = time.process_time()
    for each in values:
        template.render(each)
    return (time.process_time() - begun) / count


def build(composer: IssueComposer, rows: list[Delivery]) -> float:
    """Processor seconds for us to build a copy."""
    composer.compose(rows[0])
    begun = time.process_time()
    for row in rows:
        composer.compose(row)
    return (time.process_time() - begun) / len(rows)


if __name__ == "__main__":
    main()
