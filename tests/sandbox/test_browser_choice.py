"""The browser for the browser tests: the caller's choice counts, and its absence is loud."""

from pathlib import Path

import pytest

from sandbox import browser


def test_the_callers_choice_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "my browser"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("E2E_BROWSER_PATH", str(program))
    assert browser.find_or_install().path == program


def test_a_choice_that_does_not_run_is_an_error_and_not_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("E2E_BROWSER_PATH", str(tmp_path / "nothing"))
    assert browser.main() == 2
    assert "apt-get install" in capsys.readouterr().err
