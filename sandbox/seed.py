"""What a fresh `./run` shows: areas, slots, a partner and one member of staff, through the product's own commands."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from flask import Flask

from sandbox import envfile


class SeedFailed(RuntimeError):
    """A command of the product failed while the database was filled."""


def fill(app: Flask) -> tuple[str, list[str]]:
    """Fill what is missing; give the demo partner's key and a line for each thing that was new."""
    notes = []
    run(app, "partitions", "ensure")
    run(app, "areas", "seed")
    if add_staff(app, os.environ):
        notes.append("Staff            added")
    key = partner_key(app, os.environ["DEMO_PARTNER_URL"].rstrip("/"), Path(os.environ["A1_LOCAL"]))
    run(app, "slots", "sync")
    return key, notes


def add_staff(app: Flask, environ: Mapping[str, str]) -> bool:
    """Add the demo member of staff unless that e-mail address is known."""
    email = environ["STAFF_EMAIL"]
    if any(row["email"] == email for row in json.loads(run(app, "staff", "list", "--json"))):
        return False
    who = ("--email", email, "--name", "Demo Office", "--role", "admin")
    run(app, "staff", "create", *who, "--password-stdin", typed=environ["STAFF_PASSWORD"])
    return True


def partner_key(app: Flask, origin: str, local: Path) -> str:
    """Give the key of the demo partner, added where this database has none for the host page's origin."""
    remembered = local / "partner.json"
    known = json.loads(remembered.read_text(encoding="utf-8")) if remembered.exists() else {}
    listed = {row["key"] for row in json.loads(run(app, "partners", "list", "--json"))}
    if known.get("origin") == origin and known.get("key") in listed:
        return str(known["key"])
    key = run(app, "partners", "add", "--name", "Demo host page", "--origin", origin).strip()
    envfile.write_private(remembered, json.dumps({"origin": origin, "key": key}))
    return key


def run(app: Flask, *arguments: str, typed: str = "") -> str:
    """Run one command of the product in this process and give what it printed."""
    result = app.test_cli_runner().invoke(args=arguments, input=f"{typed}\n" if typed else None)
    if result.exit_code != 0:
        reason = result.output.strip() or repr(result.exception)
        raise SeedFailed(f"`flask {' '.join(arguments)}` failed: {reason}") from result.exception
    return result.stdout
