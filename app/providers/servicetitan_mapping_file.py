"""Reads the mapping file: TOML, checked on load, every fault named by its table and key."""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from app.providers.ports import Outcome, ProviderError
from app.providers.servicetitan_mapping import CUSTOM_FIELDS, Area, CampaignRule, FieldMapping, IssueRule

ZIP = re.compile(r"[0-9]{5}|[0-9]{1,4}\*")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9 .-]{0,39}")
LONGEST_VISIT = 12 * 60
Table = dict[str, Any]  # what the TOML reader gives; checked here, nowhere else


class _Reader:
    """Takes values out of tables and collects what is wrong, so that one look shows every fault."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def fault(self, place: str, words: str) -> None:
        self.faults.append(f"{place}: {words}")

    def only(self, table: Table, place: str, known: Collection[str]) -> None:
        for key in table.keys() - set(known):
            self.fault(f"{place}.{key}" if place else key, f"unknown, expected one of {', '.join(known)}")

    def number(self, table: Table, place: str, key: str, most: int = 2**63 - 1) -> int | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
            self.fault(f"{place}.{key}", "must be a whole number above zero")
            return None
        return value

    def needed(self, table: Table, place: str, key: str) -> int:
        if key not in table:
            self.fault(f"{place}.{key}", "is missing")
        return self.number(table, place, key) or 0

    def word(self, table: Table, place: str, key: str) -> str | None:
        value = table.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            self.fault(f"{place}.{key}", "must be text")
            return None
        return value

    def table(self, data: Table, key: str) -> Table:
        value = data.get(key, {})
        if not isinstance(value, dict):
            self.fault(key, f"must be a table, written [{key}]")
            return {}
        return value

    def tables(self, data: Table, key: str) -> list[Table]:
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            self.fault(key, f"must be a list of tables, each written [[{key}]]")
            return []
        return value


def load_mapping(path: str, defaults: FieldMapping, issue_codes: Collection[str]) -> FieldMapping:
    """Read the file over the defaults. Raise ProviderError (config) with every fault."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ProviderError(Outcome.CONFIG, f"ST_MAPPING_FILE: {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProviderError(Outcome.CONFIG, f"ST_MAPPING_FILE: {path}: {error}") from error
    read = _Reader()
    mapping = _mapping(read, data, defaults, issue_codes)
    if read.faults:
        raise ProviderError(Outcome.CONFIG, f"ST_MAPPING_FILE: {path}: " + "; ".join(read.faults))
    return mapping


def _mapping(
    read: _Reader, data: Table, defaults: FieldMapping, issue_codes: Collection[str]
) -> FieldMapping:
    read.only(data, "", ("job", "areas", "issues", "campaigns", "custom_fields"))
    job = read.table(data, "job")
    read.only(job, "job", ("tags", "minutes"))
    return replace(
        defaults,
        visit_minutes=read.number(job, "job", "minutes", LONGEST_VISIT) or defaults.visit_minutes,
        tags=_tags(read, job),
        areas=_areas(read, data),
        issues={**defaults.issues, **_issues(read, read.table(data, "issues"), issue_codes)},
        campaigns=tuple(
            _campaign(read, row, f"campaigns[{n}]") for n, row in enumerate(read.tables(data, "campaigns"), 1)
        ),
        custom_fields=_custom_fields(read, read.table(data, "custom_fields")),
    )


def _tags(read: _Reader, job: Table) -> tuple[int, ...]:
    tags = job.get("tags", [])
    if not isinstance(tags, list) or not all(type(tag) is int and tag > 0 for tag in tags):
        read.fault("job.tags", "must be a list of tag ids")
        return ()
    return tuple(tags)


def _areas(read: _Reader, data: Table) -> tuple[Area, ...]:
    found = [_area(read, row, f"areas[{n}]") for n, row in enumerate(read.tables(data, "areas"), 1)]
    names = [area.name.casefold() for area in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        read.fault("areas", f"two areas are called {name}")
    codes = [code for area in found for code in area.zip_codes]
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        read.fault("areas", f"{code} is in two areas")
    return tuple(found)


def _area(read: _Reader, row: Table, place: str) -> Area:
    read.only(row, place, ("name", "business_unit", "zips", "timezone", "crews"))
    name = read.word(row, place, "name")
    if name is None or not NAME.fullmatch(name):
        read.fault(f"{place}.name", "must be 1 to 40 letters, digits, spaces, dots or dashes, a letter first")
    zips = row.get("zips")
    if not isinstance(zips, list) or not zips:
        read.fault(f"{place}.zips", 'must be a list like ["85004", "857*"]')
        zips = []
    for code in zips:
        if not isinstance(code, str) or not ZIP.fullmatch(code):
            read.fault(f"{place}.zips", f"{code!r} is neither a ZIP code nor a beginning like 857*")
    zone = read.word(row, place, "timezone")
    if zone is not None and zone not in available_timezones():
        read.fault(f"{place}.timezone", f"{zone} is not a known time zone")
    unit, crews = read.needed(row, place, "business_unit"), read.number(row, place, "crews", 1000)
    return Area(name or place, unit, tuple(str(code) for code in zips), zone, crews)


def _issues(read: _Reader, table: Table, issue_codes: Collection[str]) -> dict[str, IssueRule]:
    read.only(table, "issues", sorted(issue_codes))
    found: dict[str, IssueRule] = {}
    for code, row in table.items():
        place = f"issues.{code}"
        if not isinstance(row, dict):
            read.fault(place, "must be a table with job_type")
            continue
        read.only(row, place, ("job_type", "minutes"))
        minutes = read.number(row, place, "minutes", LONGEST_VISIT)
        found[code] = IssueRule(read.needed(row, place, "job_type"), minutes)
    return found


def _campaign(read: _Reader, row: Table, place: str) -> CampaignRule:
    conditions = ("booking_source", "utm_source", "utm_medium")
    read.only(row, place, ("campaign", *conditions))
    words = {name: read.word(row, place, name) for name in conditions}
    if not any(words.values()):
        read.fault(place, f"needs at least one of {', '.join(conditions)}")
    return CampaignRule(read.needed(row, place, "campaign"), **words)


def _custom_fields(read: _Reader, table: Table) -> Mapping[str, int]:
    read.only(table, "custom_fields", CUSTOM_FIELDS)
    return {name: read.needed(table, "custom_fields", name) for name in CUSTOM_FIELDS if name in table}
