"""What measures years of data leaves them as they are, and asks for commands that exist."""

from flask import Flask

from app.config import load_settings
from app.maintenance.keeping import keeping
from bench import scale, upkeep


def test_no_dispatcher_of_a_bench_deletes_the_years(environ: dict[str, str]) -> None:
    periods = keeping(load_settings(environ | scale.KEEP))
    assert {periods.events, periods.jobs, periods.messages, periods.slots, periods.leads} == {"36500 days"}
    assert periods.records == "100 years"


def test_upkeep_runs_commands_that_exist(app: Flask) -> None:
    runner = app.test_cli_runner()
    for _, command in upkeep.COMMANDS:
        assert runner.invoke(args=[*command.split(), "--help"]).exit_code == 0
    assert runner.invoke(args=["reports", "nothing", "--help"]).exit_code != 0
