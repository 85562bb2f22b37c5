"""How Klaviyo tells people apart: any of three names finds a profile, and two that turn out to be one are merged."""

import re
from dataclasses import dataclass
from datetime import datetime

from sandbox.providers.checks import Json
from sandbox.providers.klaviyo_records import MailHouse, Profile
from sandbox.providers.state import World, wire

IDENTIFIERS = ("external_id", "email", "phone_number")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
NESTED = ("properties", "location")
SHOWN = (
    "email", "phone_number", "external_id", "first_name", "last_name", "organization", "locale", "title", "image",
    "location", "properties",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What is wrong with a body, and where."""

    words: str
    pointer: str


def profile_problem(attributes: object, pointer: str, known_id: object = None) -> Problem | None:
    """Find what is wrong with a profile."""
    if not isinstance(attributes, dict) or not (known_id or any(attributes.get(n) for n in IDENTIFIERS)):
        return Problem("At least one identifier is required.", pointer)
    phone, email = attributes.get("phone_number"), attributes.get("email")
    if phone and not PHONE.fullmatch(str(phone)):
        return Problem(
            "Invalid phone number format (Example of a valid format: +12345678901)", f"{pointer}/phone_number"
        )
    if email and not EMAIL.fullmatch(str(email)):
        return Problem("Invalid email address.", f"{pointer}/email")
    for name in NESTED:
        if attributes.get(name) is not None and not isinstance(attributes[name], dict):
            return Problem(f"{name} must be an object.", f"{pointer}/{name}")
    return None


def _key(name: str, value: object) -> tuple[str, str]:
    return name, str(value).casefold() if name == "email" else str(value)


def find(mail: MailHouse, name: str, value: object) -> Profile | None:
    """Find a profile by one of its names."""
    return mail.by_name.get(_key(name, value)) if value else None


def find_by_identifiers(mail: MailHouse, attributes: Json) -> list[Profile]:
    """Find every profile that one of these identifiers belongs to, the strongest first."""
    found: list[Profile] = []
    for name in IDENTIFIERS:
        profile = find(mail, name, attributes.get(name))
        if profile is not None and profile not in found:
            found.append(profile)
    return found


def find_or_add(sim: World, attributes: Json, known_id: object = None) -> tuple[Profile, bool]:
    """Give the profile these identifiers mean; several become one, none makes a new one."""
    mail, now = sim.mail, sim.now()
    by_id = mail.by_id.get(str(known_id)) if known_id else None
    found = find_by_identifiers(mail, attributes)
    if by_id is not None:
        found = [by_id, *(profile for profile in found if profile is not by_id)]
    if found:
        for other in found[1:]:
            _merge(mail, found[0], other)
        update(mail, found[0], attributes, now)
        return found[0], False
    profile = Profile(f"01SIM{mail.profile_ids.take():021d}", {}, now, now)
    mail.profiles.append(profile)
    mail.by_id[profile.id] = profile
    update(mail, profile, attributes, now)
    return profile, True


def update(mail: MailHouse, profile: Profile, attributes: Json, now: datetime) -> None:
    """Change a profile: null clears a field, absence leaves it; inner objects are merged."""
    for name, value in attributes.items():
        if name in IDENTIFIERS and profile.attributes.get(name):
            mail.by_name.pop(_key(name, profile.attributes[name]), None)
        old = profile.attributes.get(name)
        if name in NESTED and isinstance(value, dict) and isinstance(old, dict):
            value = old | value  # noqa: PLW2901 what is stored is the merged one
        if value is None:
            profile.attributes.pop(name, None)
        elif name != "subscriptions":
            profile.attributes[name] = value
    for name in IDENTIFIERS:
        if profile.attributes.get(name):
            mail.by_name[_key(name, profile.attributes[name])] = profile
    profile.updated_at = now


def _merge(mail: MailHouse, kept: Profile, gone: Profile) -> None:
    """Take another profile in: its fields where ours are empty, its consent, its suppressions and its events."""
    kept.attributes = gone.attributes | kept.attributes
    kept.consent = gone.consent | kept.consent
    kept.suppressions += [reason for reason in gone.suppressions if reason not in kept.suppressions]
    mail.profiles.remove(gone)
    for known_as, profile in list(mail.by_id.items()):
        if profile is gone:
            mail.by_id[known_as] = kept
    for place, profile in list(mail.by_name.items()):
        if profile is gone:
            mail.by_name[place] = kept
    for event in mail.events:
        if event.profile_id == gone.id:
            event.profile_id = kept.id
            mail.seen.add((kept.id, event.metric, event.unique_id))


def forget(mail: MailHouse, gone: Profile) -> None:
    """Take a profile off file, with its names and its events."""
    mail.profiles.remove(gone)
    mail.by_id = {known_as: profile for known_as, profile in mail.by_id.items() if profile is not gone}
    mail.by_name = {place: profile for place, profile in mail.by_name.items() if profile is not gone}
    mail.events = [event for event in mail.events if event.profile_id != gone.id]


def apply_patch(profile: Profile, patch: Json) -> None:
    """Add to, take from and unset single properties."""
    properties = dict(profile.attributes.get("properties") or {})  # type: ignore[call-overload]  # an object, checked on entry
    for name, value in _object(patch.get("append")).items():
        properties[name] = [*_items(properties.get(name)), *_items(value)]
    for name, value in _object(patch.get("unappend")).items():
        properties[name] = [item for item in _items(properties.get(name)) if item not in _items(value)]
    for gone in _items(patch.get("unset")):
        properties.pop(gone, None)
    profile.attributes["properties"] = properties


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def show_profile(profile: Profile) -> Json:
    """Write a profile as the API does."""
    attributes: Json = {name: profile.attributes.get(name) for name in SHOWN}
    attributes |= {
        "created": wire(profile.created_at), "updated": wire(profile.updated_at), "last_event_date": None,
        "subscriptions": {
            "email": {"marketing": _consent(profile, "email.marketing") | {"suppression": _suppressions(profile)}},
            "sms": {
                "marketing": _consent(profile, "sms.marketing"), "transactional": _consent(profile, "sms.transactional"),
            },
        },
    }  # fmt: skip
    links = {"self": f"https://a.klaviyo.com/api/profiles/{profile.id}"}
    return {"type": "profile", "id": profile.id, "attributes": attributes, "links": links}


def _consent(profile: Profile, channel: str) -> Json:
    return dict(profile.consent.get(channel, {"consent": "NEVER_SUBSCRIBED", "timestamp": None}))


def _suppressions(profile: Profile) -> list[Json]:
    return [{"reason": reason} for reason in profile.suppressions]
