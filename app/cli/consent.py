"""What proves that somebody agreed to texts or news, and since when they do not."""

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.booking import proof
from app.booking.proof import Proof
from app.cli.console import as_json, commit, print_json
from app.notifications.recipients import email_hash, home_number, phone_hash
from app.web import settings

consent = AppGroup("consent", help="What people agreed to.")


@consent.command("proof")
@click.option("--phone", help="A phone number, in any spelling.")
@click.option("--email", help="An e-mail address.")
@as_json
def prove(phone: str | None, email: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Print every consent and withdrawal of a phone number or an e-mail address, with the words that were shown.

    Example: flask --app wsgi consent proof --phone +16025550123 --json
    """
    key = settings().privacy_hash_key
    if (phone is None) == (email is None):
        raise click.UsageError("give either --phone or --email")
    number = home_number(phone) if phone else None
    if phone and number is None:
        raise click.ClickException("this is not a phone number of the United States")
    hashed = phone_hash(number, key) if number else email_hash(email or "", key)

    def work(session: Session) -> Proof:
        return proof.read(session, hashed)

    found = commit(work)
    if as_json:
        print_json(found.to_json())
    else:
        print_proof(found)


def print_proof(found: Proof) -> None:
    """Print one paragraph for each row, oldest first."""
    if not found.lines:
        click.echo("Nothing is known of it.")
        return
    for line in found.lines:
        facts = [f"{name} {value}" for name, value in line.facts().items() if value is not None]
        click.echo(f"{line.at.isoformat()}  {line.action} {line.purpose} by {line.channel}, {line.method}")
        click.echo(f"  {', '.join(facts)}" if facts else "  nothing else is kept")
        if line.words:
            click.echo(f"  «{line.words}»")
    click.echo(f"Texts today: {'stopped' if found.is_stopped else 'not stopped'}")
