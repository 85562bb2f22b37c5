"""Log lines are JSON, tell where a fault is, and never what somebody typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app import log

ROOT = Path(__file__).parents[1]
TELL = """
import logging
from app import log
log.configure()
try:
    raise ValueError("pat@example.com")
except ValueError as error:
    log.log.error("bug", exc_info=error)
    logging.getLogger("some.library").exception("it broke")
log.log.info("two\\nlines", text="a\\nb")
"""


def test_every_line_is_json_with_time_and_level_and_no_message_of_an_error() -> None:
    done = subprocess.run([sys.executable, "-c", TELL], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["bug", "it broke", "two\nlines"]
    assert all(line["ts"].endswith("Z") and line["level"] for line in lines)
    assert lines[0]["error"] == lines[1]["error"] == "ValueError"
    assert lines[0]["places"] == ["<string>:6"]
    assert lines[1]["logger"] == "some.library"
    assert "pat@example.com" not in done.stdout


@pytest.mark.parametrize("given", [None, False])
def test_an_event_without_an_error_stays_as_it_is(given: object) -> None:
    assert log.name_error(None, "info", {"event": "x", "exc_info": given}) == {"event": "x"}
