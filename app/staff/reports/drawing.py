"""From rows to marks on a chart: all arithmetic is here, so that the templates only write down numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.staff import partner_names
from app.staff.formats import local_day
from app.staff.reports.base import ChartKind, Kind, Report, Row

MOST_LABELS = 4
MOST_BARS = 12
BAR_HEIGHT = 48
STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Line:
    """One line: points as percent of the plot, and its name."""

    name: str
    points: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Label:
    """A word under the plot, at percent of its width; the first and last ones lean inwards."""

    at: float
    words: str
    anchor: str


@dataclass(frozen=True)
class Bar:
    """A horizontal bar in percent of the width, at a height in pixels."""

    words: str
    value: str
    note: str
    width: float
    top: int


@dataclass(frozen=True)
class Drawing:
    """Everything a chart macro needs."""

    kind: ChartKind
    title: str
    summary: str
    lines: tuple[Line, ...] = ()
    labels: tuple[Label, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    bars: tuple[Bar, ...] = ()
    height: int = 200


def draw(report: Report, rows: Sequence[Row], names: Mapping[str, str]) -> Drawing | None:
    """Return the marks of a report's chart, or nothing where there is nothing to draw; `names` are the partners'."""
    values = [number(row[index]) for row in rows for index in report.chart.series]
    if not any(values):
        return None
    words = [
        label_words(report.columns[report.chart.label].kind, row[report.chart.label], names) for row in rows
    ]
    return (draw_lines if report.chart.kind is ChartKind.LINE else draw_bars)(report, rows, words)


def draw_lines(report: Report, rows: Sequence[Row], words: Sequence[str]) -> Drawing:
    """Draw one line a series over the rows in order."""
    chart = report.chart
    step, top = scale(max(number(row[index]) for row in rows for index in chart.series))
    places = [100 * (n + 0.5) / len(rows) for n in range(len(rows))]
    lines = tuple(
        line_of(report.columns[index].title, places, [number(row[index]) for row in rows], top)
        for index in chart.series
    )
    ticks = tuple((round(100 - 100 * value / top, 2), f"{value:,.0f}") for value in multiples(step, top))
    return Drawing(
        chart.kind, chart.title, summary_of(report, rows, words), lines, labels_of(words, places), ticks
    )


def line_of(name: str, places: list[float], values: list[float], top: float) -> Line:
    """Return one line."""
    dots = tuple(
        (round(x, 2), round(100 - 100 * value / top, 2)) for x, value in zip(places, values, strict=True)
    )
    return Line(name, " ".join(f"{x},{y}" for x, y in dots), dots if len(dots) <= 31 else ())


def labels_of(words: Sequence[str], places: list[float]) -> tuple[Label, ...]:
    """Return a few words under the plot, evenly spread."""
    every = max(1, -(-len(words) // MOST_LABELS))
    chosen = range((len(words) - 1) % every, len(words), every)
    return tuple(
        Label(
            round(places[n], 2),
            words[n],
            "end" if places[n] > 92 else "start" if places[n] < 8 else "middle",
        )
        for n in chosen
    )


def draw_bars(report: Report, rows: Sequence[Row], words: Sequence[str]) -> Drawing:
    """Draw the first series as bars, the other ones as words beside them."""
    chart = report.chart
    index = chart.series[0]
    shown = list(rows[:MOST_BARS]) if chart.kind is ChartKind.BAR else list(rows)
    longest = max(number(row[index]) for row in shown) or 1
    bars = tuple(
        Bar(
            words=words[n],
            value=f"{number(row[index]):,.0f}",
            note=note_of(report, shown, n),
            width=round(100 * number(row[index]) / longest, 2),
            top=n * BAR_HEIGHT,
        )
        for n, row in enumerate(shown)
    )
    return Drawing(
        chart.kind, chart.title, summary_of(report, rows, words), bars=bars, height=len(bars) * BAR_HEIGHT
    )


def note_of(report: Report, rows: Sequence[Row], n: int) -> str:
    """Say beside a funnel's bar how many got this far, beside another one what share it has."""
    index = report.chart.series[0]
    if report.chart.kind is ChartKind.FUNNEL:
        whole = number(rows[0][index])
        return f"{100 * number(rows[n][index]) / whole:.0f} %" if whole else ""
    whole = sum(number(row[index]) for row in rows)
    return f"{100 * number(rows[n][index]) / whole:.0f} %" if whole else ""


def summary_of(report: Report, rows: Sequence[Row], words: Sequence[str]) -> str:
    """Return the chart in a sentence, for those who do not see it."""
    chart = report.chart
    parts = []
    for index in chart.series:
        values = [number(row[index]) for row in rows]
        best, whole = max(values), sum(values)
        parts.append(
            f"{report.columns[index].title}: highest {best:,.0f} at {words[values.index(best)]}"
            + (f", {whole:,.0f} in all" if chart.kind is not ChartKind.FUNNEL else "")
        )
    return f"{chart.title}. {'; '.join(parts)}."


def scale(highest: float) -> tuple[float, float]:
    """Return the distance of grid lines and the top of the scale: round numbers, two to five lines."""
    size = 1.0
    while True:
        for factor in STEPS:
            step = factor * size
            if highest <= 4 * step:
                return step, step * max(1, -(-highest // step))
        size *= 10


def multiples(step: float, top: float) -> list[float]:
    """Return zero, the step and its multiples up to the top."""
    return [step * n for n in range(round(top / step) + 1)]


def number(cell: object) -> float:
    """Return a cell as a number; what is none counts as zero."""
    return float(cell) if isinstance(cell, int | float) else 0.0


def label_words(kind: Kind, cell: object, names: Mapping[str, str]) -> str:
    """Return a cell as a label."""
    if isinstance(cell, date):
        return f"{cell:%b} {cell.day}"
    if kind is Kind.DAY:
        return day_words(cell)
    return partner_names.words(str(cell or ""), names) if kind is Kind.WORDS else str(cell or "–")


def day_words(cell: object) -> str:
    """Return a day or a month, «2026-11», as people say it."""
    return local_day(cell) if isinstance(cell, date) else f"{date.fromisoformat(f'{cell}-01'):%b %Y}"
