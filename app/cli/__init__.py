"""Commands for the operator's shell: `flask --app wsgi <group> <command>`, one file a group, loaded when it is called."""

import sys
from importlib import import_module

from click import Command, Context
from flask import Flask
from flask.cli import AppGroup

GROUPS = (
    "areas",
    "slots",
    "partitions",
    "retention",
    "archive",
    "reports",
    "staff",
    "partners",
    "consent",
    "privacy",
    "integrity",
    "backup",
    "demo",
    "scheduling-pro",
    "doctor",
)


class Groups(AppGroup):
    """All groups by name. A server that serves pages loads none of them."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names of all groups."""
        return sorted({*super().list_commands(ctx), *GROUPS})

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Load the group of that name: the attribute and its module are called like it."""
        if cmd_name not in GROUPS:
            return super().get_command(ctx, cmd_name)
        name = cmd_name.replace("-", "_")
        command: Command = getattr(import_module(f"app.cli.{name}"), name)
        return command


def init_app(app: Flask) -> None:
    """Offer every group. The web server never migrates, and does without the memory that this takes."""
    if "granian" not in sys.modules:
        import_module("app.cli.migrations").init_app(app)
    app.cli = Groups(commands=app.cli.commands)  # db among them, which Flask-Migrate has put there
