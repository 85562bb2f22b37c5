"""Reports: how far visits get, step by step, and the same by channel, partner and device."""

from collections.abc import Mapping, Sequence
from functools import cache, partial

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.staff.reports import counts
from app.staff.reports.base import Ask, Chart, ChartKind, Column, Kind, Report, Row, share
from app.staff.reports.spread import bounds, spread

STEPS = ("zip", "issue", "doors", "ownership", "slot", "contact", "review", "done")
LAST = STEPS[-1]
DIMENSIONS = ("channel", "partner", "device", "locale", "variant")
BOUNDS = (0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)  # seconds; of report_funnel_of's histogram
PLACES = tuple(f"h{place:02d}" for place in range(len(BOUNDS) - 1))
OF_DIMENSION = ("zip", "slot", "contact", "done")
ALL_STEPS = counts.by_item("step")
ALL_OF = {name: counts.by_item(name) for name in ("channel", "partner", "device")}


@cache
def narrowed_steps(chosen: frozenset[str]) -> TextClause:
    """Return the sums by step of the visits that have the chosen values."""
    days = spread("funnel", "step, viewed, completed, errors, ms_histogram", conditions(chosen))
    histogram = ", ".join(
        f"sum(ms_histogram[{place + 1}])::bigint AS {name}" for place, name in enumerate(PLACES)
    )
    return text(
        "SELECT step, sum(viewed)::bigint AS viewed, sum(completed)::bigint AS completed, sum(errors)::bigint AS errors,"  # noqa: S608 - our own words
        f" {histogram} FROM {days} days GROUP BY step"
    )


@cache
def narrowed_dimension(name: str, chosen: frozenset[str]) -> TextClause:
    """Return how many visits with the chosen values saw the steps that matter, by the value of a dimension."""
    days = spread("funnel", f"{name}, step, viewed", conditions(chosen))
    sums = ", ".join(
        f"coalesce(sum(viewed) FILTER (WHERE step = '{step}'), 0)::bigint AS {step}" for step in OF_DIMENSION
    )
    return text(f"SELECT {name} AS item, {sums} FROM {days} days GROUP BY {name}")  # noqa: S608 - our own words


def conditions(chosen: frozenset[str]) -> str:
    """Return a condition for each chosen dimension, with a parameter of its name."""
    return " AND ".join(f"{name} = :{name}" for name in DIMENSIONS if name in chosen)


def by_step(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every step in the wizard's order."""
    if ask.choice:
        statement = narrowed_steps(frozenset(ask.choice))
        found = {row["step"]: dict(row) for row in session.execute(statement, values(ask)).mappings()}
    else:
        found = counts.read(session, ALL_STEPS, ask)
    began = found.get(STEPS[0], {}).get("viewed", 0)
    return [step_row(step, found.get(step, {}), began) for step in STEPS] if found else []


def step_row(step: str, sums: Mapping[str, int], began: int) -> Row:
    """Return one step: the last one has nothing to complete."""
    viewed, completed, errors = (sums.get(name, 0) for name in ("viewed", "completed", "errors"))
    if step == LAST:
        return (step, viewed, None, None, None, share(viewed, began), errors, None)
    middle = median([sums.get(place, 0) for place in PLACES])
    lost = max(viewed - completed, 0)
    return (step, viewed, completed, share(completed, viewed), lost, share(viewed, began), errors, middle)


def by_dimension(name: str, session: Session, ask: Ask) -> list[Row]:
    """Return a row for every value of a dimension, the one with the most visits first."""
    if ask.choice:
        statement = narrowed_dimension(name, frozenset(ask.choice))
        found = {row["item"]: dict(row) for row in session.execute(statement, values(ask)).mappings()}
    else:
        found = counts.read(session, ALL_OF[name], ask)
    lines = ((item, *(sums.get(step, 0) for step in OF_DIMENSION)) for item, sums in found.items())
    return [(*line, share(line[-1], line[1])) for line in sorted(lines, key=lambda line: (-line[1], line[0]))]


def values(ask: Ask) -> dict[str, object]:
    """Return the parameters of the statements."""
    return {**bounds(ask.span), **ask.choice}


def median(histogram: Sequence[int]) -> float | None:
    """Return the middle of a histogram in seconds, as if its counts lay evenly inside each bucket."""
    half = sum(histogram) / 2
    passed = 0
    for bucket, count in enumerate(histogram):
        if count and passed + count >= half:
            low, high = BOUNDS[bucket], BOUNDS[bucket + 1]
            return low + (high - low) * (half - passed) / count
        passed += count
    return None


def dimension_report(name: str, title: str, purpose: str) -> Report:
    """Return the report of one dimension; it can be narrowed by the other ones."""
    return Report(
        name=f"by-{name}",
        title=title,
        purpose=purpose,
        columns=(
            Column(name.capitalize(), Kind.WORDS), Column("Visits", total=True), Column("Saw windows", total=True),
            Column("Gave contact", total=True), Column("Booked", total=True), Column("Conversion", Kind.SHARE),
        ),
        rows=partial(by_dimension, name),
        chart=Chart(ChartKind.BAR, f"Visits by {name}", 0, (1,)),
        empty="Nobody has visited the wizard in these days.",
        filters=tuple(other for other in ("channel", "partner", "device") if other != name),
    )  # fmt: skip


REPORTS = (
    Report(
        name="funnel",
        title="Funnel by step",
        purpose="Where visits stop. Each visit counts once a step, on the day it began; crawlers are left out.",
        columns=(
            Column("Step", Kind.WORDS), Column("Viewed"), Column("Completed"), Column("Done here", Kind.SHARE),
            Column("Lost here"), Column("Of all visits", Kind.SHARE), Column("Input errors"), Column("Median time", Kind.SECONDS),
        ),
        rows=by_step,
        chart=Chart(ChartKind.FUNNEL, "Visits that reach each step", 0, (1,)),
        empty="Nobody has visited the wizard in these days.",
        filters=("channel", "partner", "device", "locale"),
    ),
    dimension_report("channel", "Funnel by channel", "Which kind of traffic books: paid search, organic, partners and so on."),
    dimension_report("partner", "Funnel by partner", "How the pages that embed the wizard do; «direct» is our own page."),
    dimension_report("device", "Funnel by device", "Whether phones, tablets and computers get equally far."),
)  # fmt: skip
