"""The list of personal data names every column that could hold any, and no column that is not there."""

import re
from pathlib import Path

from sqlalchemy import LargeBinary, String
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB

from app.models import Base

DOCUMENT = Path(__file__).parents[2] / "docs/security/personal-data.md"
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| ((?:`\w+`(?:, )?)+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
ABLE = (String, LargeBinary, JSONB, INET, ARRAY)


def test_every_column_that_can_hold_words_has_its_line_once() -> None:
    section = DOCUMENT.read_text().partition("## Where each column stands")[2].partition("\n## ")[0]
    listed = [
        (table, column)
        for tables, columns in ROW.findall(section)
        for table in re.findall(r"\w+", tables)
        for column in re.findall(r"\w+", columns)
    ]
    there = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, ABLE)
    }
    assert sorted(there - set(listed)) == [], "say what the column holds and what an erasure does to it"
    assert sorted(set(listed) - there) == []
    assert len(listed) == len(set(listed))
