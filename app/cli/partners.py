"""Companies that show the wizard in their own pages."""

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.booking import partners as domain
from app.booking.partners import LOCALES, PartnerData, PartnerRefused
from app.cli.console import as_json, commit, print_rows
from app.staff import audit_trail

COLUMNS = ("key", "name", "origins", "hue", "phone", "locale", "active")

partners = AppGroup("partners", help="Companies that embed the wizard.")


@partners.command("add")
@click.option("--name", required=True)
@click.option(
    "--origin", "origins", multiple=True, required=True, help="Scheme and host of the pages; may be repeated."
)
@click.option("--hue", type=click.IntRange(0, 359), help="Colour of buttons and links, 0 to 359.")
@click.option("--phone", help="Phone number shown instead of ours.")
@click.option("--locale", type=click.Choice(LOCALES))
def add(name: str, origins: tuple[str, ...], hue: int | None, phone: str | None, locale: str | None) -> None:
    """Add a partner and print its key, which goes into the snippet for its pages.

    Example: flask --app wsgi partners add --name "Desert Homes" --origin https://www.deserthomes.example
    """
    wanted = PartnerData(name, origins, hue, phone, locale)

    def work(session: Session) -> str:
        partner = domain.add(session, wanted)
        audit_trail.record(session, audit_trail.OPERATOR, "partner_add", f"partner:{partner.key}")
        return partner.key

    try:
        click.echo(commit(work))
    except PartnerRefused as error:
        raise click.ClickException(str(error)) from error


@partners.command("list")
@as_json
def list_partners(as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """List all partners.

    Example: flask --app wsgi partners list --json
    """
    rows = commit(
        lambda session: [[getattr(row, name) for name in COLUMNS] for row in domain.list_all(session)]
    )
    print_rows(COLUMNS, rows, as_json=as_json, empty="No partners yet: `partners add`")
