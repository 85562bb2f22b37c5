"""A report as a file for spreadsheets, in which no cell can turn into a formula."""

import csv
import io
from collections.abc import Sequence
from datetime import date

from app.staff.reports.base import Cell, Column, Kind, Row

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def write(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return the report as CSV with a heading."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(title_of(column)) for column in columns])
    for row in rows:
        writer.writerow([cell_of(column, cell) for column, cell in zip(columns, row, strict=True)])
    return out.getvalue()


def title_of(column: Column) -> str:
    """Return a heading with its unit."""
    return f"{column.title} %" if column.kind is Kind.SHARE else column.title


def cell_of(column: Column, cell: Cell) -> str:
    """Return a cell: numbers as numbers, days as ISO dates, words made harmless."""
    if cell is None:
        return ""
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        return harmless(cell)
    return (
        f"{100 * cell:.1f}"
        if column.kind is Kind.SHARE
        else f"{cell:g}"
        if isinstance(cell, float)
        else str(cell)
    )


def harmless(words: str) -> str:
    """Return words that no spreadsheet takes for a formula."""
    return f"'{words}" if words.startswith(DANGEROUS) else words
