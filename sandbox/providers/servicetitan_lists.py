"""What all of ServiceTitan's lists share: filters by id, time and external data, order, and pages."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from flask import Response, jsonify, request

from sandbox.providers.checks import Json, read_moment
from sandbox.providers.records import External
from sandbox.providers.servicetitan import ApiError
from sandbox.providers.servicetitan_records import Record
from sandbox.providers.state import World, world

R = TypeVar("R", bound=Record)
RANGES = (
    ("createdOnOrAfter", "createdBefore", "created_at"),
    ("modifiedOnOrAfter", "modifiedBefore", "modified_at"),
)
ORDERS: dict[str, Callable[[Record], object]] = {
    "Id": lambda r: r.id, "ModifiedOn": lambda r: r.modified_at, "CreatedOn": lambda r: r.created_at,
}  # fmt: skip


def invalid(name: str, words: str) -> ApiError:
    """Refuse one parameter."""
    return ApiError(400, "One or more validation errors occurred.", {name: [words]})


def id_list(name: str, limit: int = 50) -> set[int] | None:
    """Read a comma list of ids from the query."""
    text = request.args.get(name)
    if not text:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise invalid(name, "Ids must be numbers.") from error
    if len(numbers) > limit:
        raise invalid(name, f"At most {limit} ids.")
    return set(numbers)


def moment_of(name: str) -> datetime | None:
    """Read a time from the query."""
    text = request.args.get(name)
    if text is None:
        return None
    moment = read_moment(text.replace(" ", "+"))
    if moment is None:
        raise invalid(name, "Not a date and time.")
    return moment


def within(value: datetime | None, after: str, before: str) -> bool:
    """Apply one range of the query to a time."""
    start, end = moment_of(after), moment_of(before)
    if start is None and end is None:
        return True
    return value is not None and (start is None or value >= start) and (end is None or value < end)


def select(records: Iterable[R]) -> list[R]:
    """Apply the filters and the order that all lists know."""
    ids, active = id_list("ids"), request.args.get("active", "True").capitalize()
    if active not in {"True", "False", "Any"}:
        raise invalid("active", "True, Any or False.")
    found = [r for r in records if (ids is None or r.id in ids) and active in {"Any", str(r.active)}]
    for after, before, name in RANGES:
        if after in request.args or before in request.args:
            found = [r for r in found if within(getattr(r, name), after, before)]
    order = request.args.get("sort", "").strip()
    if order.lstrip("+-") in ORDERS:
        found.sort(key=ORDERS[order.lstrip("+-")], reverse=order.startswith("-"))  # type: ignore[arg-type]  # all compare
    return found


def page_of(rows: Iterable[R], show: Callable[[R], Json]) -> Response:
    """Answer one page of a list of records, filtered as every list is."""
    return page_of_rows([partial(show, record) for record in select(rows)])


def page_of_rows(rows: Sequence[Json] | Sequence[Callable[[], Json]]) -> Response:
    """Answer one page of rows, with the total only on request; rows that are functions are written only if shown."""
    limit = world().flags.number("st_max_page_size")
    page = max(1, request.args.get("page", 1, type=int))
    size = min(limit, max(1, request.args.get("pageSize", 50, type=int)))
    part = [row() if callable(row) else row for row in rows[(page - 1) * size : page * size]]
    total = len(rows) if request.args.get("includeTotal", "").lower() == "true" else None
    return jsonify(page=page, pageSize=size, hasMore=page * size < len(rows), totalCount=total, data=part)


def read_external(body: Json) -> list[External]:
    """Read the caller's own data from a create request."""
    data = body.get("externalData")
    if not isinstance(data, dict):
        return []
    pairs = data.get("externalData")
    guid = str(data.get("applicationGuid") or "")
    if not guid or not isinstance(pairs, list):
        raise invalid("externalData", "applicationGuid is required.")
    return [External(guid, str(p.get("key")), str(p.get("value"))) for p in pairs if isinstance(p, dict)]


def patch_external(known: list[External], body: Json) -> list[External]:
    """Change external data: replace what this application wrote, or merge with it."""
    fresh = read_external(body)
    data = body.get("externalData")
    if not isinstance(data, dict):
        return known
    guid, mode = str(data.get("applicationGuid")), data.get("patchMode") or "Replace"
    if mode not in {"Replace", "Merge"}:
        raise invalid("externalData.patchMode", "Replace or Merge.")
    keys = {pair.key for pair in fresh}
    kept = [pair for pair in known if pair.guid != guid or (mode == "Merge" and pair.key not in keys)]
    return kept + fresh


def visible_external(external: list[External]) -> list[Json]:
    """Show a record's external data to the application that wrote it and says so."""
    guid = request.args.get("externalDataApplicationGuid")
    return [{"key": pair.key, "value": pair.value} for pair in external if pair.guid == guid]


def external_keys() -> list[tuple[str, str, str]] | None:
    """Read the external-data filter: none, or the places to look in; key, values and guid go together."""
    guid, key = request.args.get("externalDataApplicationGuid"), request.args.get("externalDataKey")
    values = request.args.get("externalDataValues")
    if key is None and values is None:
        return None
    if not key or not values or not guid:
        raise invalid("externalDataKey", "Key and values go together.")
    return [(guid, key, value) for value in values.split(",")[:50]]


def candidates(sim: World, index: dict[tuple[str, str, str], list[int]], records: dict[int, R]) -> list[R]:
    """List what can match: by external data where that is asked for, else everything."""
    keys = external_keys()
    if keys is None:
        return list(records.values())
    newest = sim.now() - timedelta(seconds=sim.flags.number("st_lookup_lag_seconds"))
    found = [records[number] for place in keys for number in index.get(place, []) if number in records]
    return [
        r for r in found
        if r.created_at <= newest and any((e.guid, e.key, e.value) in keys for e in r.external)
    ]  # fmt: skip
