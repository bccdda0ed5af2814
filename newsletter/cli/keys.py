"""`newsletter keys`: the Site's signing keys."""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options


@click.group()
def keys() -> None:
    """Create and rotate the keys of links and of DKIM signatures."""


@keys.command()
@console_options
def create(console: Console) -> None:
    """Make the key ring of a Site that has none."""
    from newsletter.tokens import KeyRing

    with console.open_site() as site:
        KeyRing.create(site.keys_path, site.clock())
        console.result({"file": str(site.keys_path)}, f"Made {site.keys_path}. Keep a copy apart from the database.")


@keys.command()
@console_options
def rotate(console: Console) -> None:
    """Sign new links with a new key; links in mails that were sent go on working."""
    with console.open_site() as site:
        console.require("Make a new signing key?")
        ring = site.keys.rotated(site.clock())
        ring.save(site.keys_path)
        newest = ring.signing[-1].id
        console.result(
            {"key": newest}, f"New links are signed with key {newest}. Running servers use it after a restart."
        )


@keys.command()
@click.option("--selector", help="Name of the key in DNS (default: that of [dkim]); a new key needs a new one.")
@click.option("--domain", help="Domain that signs (default: that of [dkim], else of the sender's address).")
@console_options
def dkim(console: Console, selector: str | None, domain: str | None) -> None:
    """Make a DKIM key and print the DNS record to publish; for a key that exists print it again."""
    from newsletter.addresses import for_the_wire
    from newsletter.config.model import DkimConfig
    from newsletter.errors import ConfigError
    from newsletter.transport.dkim_keys import create_key, dns_record, load_key

    with console.open_site() as site:
        configured = site.config.dkim
        domain = domain or configured.domain or for_the_wire(site.config.sender.address).rpartition("@")[2]
        try:
            settings = DkimConfig(domain=domain, selector=selector or configured.selector)
        except ValueError as error:
            raise ConfigError(
                "A domain and a selector consist of letters, digits, hyphens and dots.",
                hint="Say for example --domain example.org --selector spring.",
            ) from error
        if settings.selector == configured.selector and configured.key_file is not None:
            settings = settings.model_copy(update={"key_file": configured.key_file})
        path = site.root / settings.key_path
        made = not path.exists()
        key = create_key(path) if made else load_key(path)
    record = dns_record(settings.domain, settings.selector, key)
    lines = f'[dkim]\ndomain = "{settings.domain}"\nselector = "{settings.selector}"\nkey_file = "{settings.key_path}"'
    document = {
        "made": made,
        "file": str(path),
        "domain": settings.domain,
        "selector": settings.selector,
        "record": {"name": record.name, "type": "TXT", "value": record.value, "strings": record.strings},
        "toml": lines,
    }
    console.result(
        document,
        f"{'Made' if made else 'Found'} {path}; keep a copy with the key ring, and commit neither.\n\n"
        f"Publish this TXT record (some forms want the value in one piece, without the quotes):\n\n"
        f"{record.zone_line}\n\nThen put into newsletter.toml:\n\n{lines}",
    )
