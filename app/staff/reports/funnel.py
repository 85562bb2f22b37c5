"""Reports: how far visits get, step by step, and the same by channel, partner and device."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask, Chart, ChartKind, Column, Kind, Report, Row, share

STEPS = ("zip", "issue", "doors", "ownership", "slot", "contact", "review", "done")
LAST = STEPS[-1]
DIMENSIONS = ("channel", "partner", "device", "locale", "variant")
BOUNDS = (
    0,
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1800,
    3600,
)  # seconds; of report_recompute_day's histogram
NARROWED = "".join(f" AND (CAST(:{name} AS text) IS NULL OR {name} = :{name})" for name in DIMENSIONS)
BY_STEP = text(
    "SELECT step, sum(viewed)::bigint AS viewed, sum(completed)::bigint AS completed, sum(errors)::bigint AS errors,"  # noqa: S608 - our own column names
    " (SELECT array_agg(total ORDER BY place) FROM (SELECT place, sum(n)::bigint AS total FROM funnel_daily inside,"
    " unnest(inside.ms_histogram) WITH ORDINALITY AS h (n, place) WHERE inside.step = f.step"
    f" AND inside.day BETWEEN :first AND :last{NARROWED} GROUP BY place) sums) AS histogram"
    f" FROM funnel_daily f WHERE day BETWEEN :first AND :last{NARROWED} GROUP BY step"
)
BY_DIMENSION = {
    name: text(
        f"SELECT {name}, sum(viewed) FILTER (WHERE step = 'zip')::bigint AS visits,"  # noqa: S608 - our own column names
        " sum(viewed) FILTER (WHERE step = 'slot')::bigint AS slot, sum(viewed) FILTER (WHERE step = 'contact')::bigint AS contact,"
        " sum(viewed) FILTER (WHERE step = 'done')::bigint AS booked FROM funnel_daily"
        f" WHERE day BETWEEN :first AND :last{NARROWED} GROUP BY {name} ORDER BY visits DESC NULLS LAST, {name}"
    )
    for name in ("channel", "partner", "device")
}


def by_step(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every step in the wizard's order."""
    found = {row.step: row for row in session.execute(BY_STEP, values(ask))}
    began = found[STEPS[0]].viewed if STEPS[0] in found else 0
    return [step_row(step, found.get(step), began) for step in STEPS] if found else []


def step_row(step: str, row: Any, began: int) -> Row:  # Any: a row of the statement, or nothing
    """Return one step: the last one has nothing to complete."""
    if row is None:
        return (step, 0, 0, None, 0, share(0, began), 0, None)
    if step == LAST:
        return (step, row.viewed, None, None, None, share(row.viewed, began), row.errors, None)
    lost = max(row.viewed - row.completed, 0)
    done = share(row.completed, row.viewed)
    return (
        step,
        row.viewed,
        row.completed,
        done,
        lost,
        share(row.viewed, began),
        row.errors,
        median(row.histogram or ()),
    )


def by_dimension(name: str, session: Session, ask: Ask) -> list[Row]:
    """Return a row for every value of a dimension."""
    return [
        (
            row[0],
            row.visits or 0,
            row.slot or 0,
            row.contact or 0,
            row.booked or 0,
            share(row.booked or 0, row.visits or 0),
        )
        for row in session.execute(BY_DIMENSION[name], values(ask))
    ]


def values(ask: Ask) -> dict[str, object]:
    """Return the parameters of the statements."""
    return {"first": ask.span.first, "last": ask.span.last} | {
        name: ask.choice.get(name) for name in DIMENSIONS
    }


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
