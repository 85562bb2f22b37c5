"""Who may log in to the staff pages."""

import sys
from collections.abc import Callable

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cli.console import as_json, commit, print_rows
from app.models import Staff
from app.models.staff import Role
from app.staff import accounts, audit_trail
from app.staff.accounts import AccountRefused, NewAccount

COLUMNS = ("email", "name", "role", "active", "last_seen_at")

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)

staff = AppGroup("staff", help="Logins of the office.")


@staff.command("create")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@password_option
def create(email: str, name: str, role: str, password_stdin: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Let somebody in. Viewers look, dispatchers also act, admins also see the audit log and change partners.

    Example: flask --app wsgi staff create --email pat@example.com --name Pat --role dispatcher
    """
    wanted = NewAccount(email, name, Role(role), read_password(from_stdin=password_stdin))

    def work(session: Session) -> None:
        added = accounts.add(session, wanted)
        audit_trail.record(
            session, audit_trail.OPERATOR, "staff_create", audit_trail.staff_actor(added), reason=role
        )

    allowed(work)
    click.echo(f"{name} may log in as {role}")


@staff.command("password")
@click.option("--email", required=True)
@password_option
def password(email: str, password_stdin: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Give somebody a new password; whoever is logged in with the old one is logged out.

    Example: flask --app wsgi staff password --email pat@example.com
    """
    chosen = read_password(from_stdin=password_stdin)

    def work(session: Session) -> None:
        changed = accounts.change_password(session, email, chosen)
        audit_trail.record(session, audit_trail.OPERATOR, "staff_password", audit_trail.staff_actor(changed))

    allowed(work)
    click.echo(f"{email} has a new password")


@staff.command("list")
@as_json
def list_staff(as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """List all logins.

    Example: flask --app wsgi staff list
    """
    rows = commit(
        lambda session: session.execute(
            select(*(getattr(Staff, name) for name in COLUMNS)).order_by(Staff.email)
        ).all()
    )
    print_rows(COLUMNS, rows, as_json=as_json, empty="Nobody yet: `staff create`")


def read_password(*, from_stdin: bool) -> str:
    """Read a password from standard input, or ask for it twice without showing it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def allowed(work: Callable[[Session], None]) -> None:
    """Run `work` as one transaction; a refusal is one clear line."""
    try:
        commit(work)
    except AccountRefused as error:
        raise click.ClickException(str(error)) from error
