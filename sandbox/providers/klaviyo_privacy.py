"""Simulated Klaviyo deletions: a person named by one identifier is taken off file, with their events."""

from flask import Response

from sandbox.providers.checks import path
from sandbox.providers.klaviyo import Refused, accepted, attributes_of, bp
from sandbox.providers.klaviyo_profiles import IDENTIFIERS, find, forget
from sandbox.providers.state import world

KNOWN_AS = ("id", "email", "phone_number")


@bp.post("/api/data-privacy-deletion-jobs")
def delete_profile() -> tuple[Response, int]:
    """Delete everything about the person that exactly one identifier names; somebody unknown is no error."""
    sim, attributes = world(), attributes_of("data-privacy-deletion-job")
    data = path(attributes, "profile", "data")
    if path(data, "type") != "profile":
        raise Refused(400, "invalid", "The type must be profile.", "/data/attributes/profile/data/type")
    named = {"id": path(data, "id")} | {name: path(data, "attributes", name) for name in IDENTIFIERS}
    given = [(name, value) for name, value in named.items() if value]
    if len(given) != 1 or given[0][0] not in KNOWN_AS:
        raise Refused(400, "invalid", "Exactly one identifier is required.", "/data/attributes/profile/data")
    name, value = given[0]
    with sim.lock:
        profile = sim.mail.by_id.get(str(value)) if name == "id" else find(sim.mail, name, value)
        if profile is not None:
            forget(sim.mail, profile)
        sim.record("klaviyo", "deletion", None, profile.id if profile else "")
    return accepted()
