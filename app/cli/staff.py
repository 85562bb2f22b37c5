"""Who may log in to the staff pages."""

import sys

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.cli.console import as_json, commit, print_rows
from app.models import Staff
from app.models.staff import Role
from app.staff import accounts, audit_trail
from app.staff.accounts import AccountRefused, NewAccount

COLUMNS = ("email", "name", "role", "active", "last_seen_at")

staff = AppGroup("staff", help="Logins of the office.")


@staff.command("create")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)
def create(email: str, name: str, role: str, password_stdin: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Let somebody in. Viewers look, dispatchers also act, admins also see the audit log and change partners.

    Example: flask --app wsgi staff create --email pat@example.com --name Pat --role dispatcher
    """
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    wanted = NewAccount(email, name, Role(role), password)
    try:
        added = commit(lambda session: accounts.add(session, wanted))
    except AccountRefused as error:
        raise click.ClickException(str(error)) from error
    commit(
        lambda session: audit_trail.record(
            session, audit_trail.OPERATOR, "staff_create", audit_trail.staff_actor(added), reason=role
        )
    )
    click.echo(f"{name} may log in as {role}")


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
