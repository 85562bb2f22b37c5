"""The env file: what a shell reads from it is what was written."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import envfile

VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), VALUES))
def test_what_is_written_is_read_back(settings: dict[str, str]) -> None:
    assert envfile.parse(envfile.render(settings)) == settings


@pytest.mark.parametrize(
    "value", ["it's a 'quote'", "$HOME `id` $(id)", "two\nlines", "a b  c", "", "ünï€🚪", "\\"]
)
def test_a_shell_reads_the_same_value(tmp_path: Path, value: str) -> None:
    path = tmp_path / "env"
    envfile.write(path, {"A1_VALUE": value})
    script = 'set -a; . "$0"; printf %s "$A1_VALUE"'
    assert (
        subprocess.run(["/bin/sh", "-c", script, path], capture_output=True, check=True).stdout
        == value.encode()
    )


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("old")
    path.chmod(0o644)
    envfile.write(path, {"SECRET_KEY": "x"})
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no name"):
        envfile.render({"A; rm -rf": "x"})


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    assert envfile.read(tmp_path / "env") == {}
