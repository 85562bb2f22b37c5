"""P1 and P8: a wizard step, GET and POST as htmx sends them with their events, beside the bare step on the same server."""

import argparse
import sys

from bench.ready import Ready, ready_visits
from bench.stage import Stage, stage
from bench.table import Figure, report, show
from bench.wire import Run, drive, get, post

KINDS = {"with the list of windows": ("ownership", "slot", "?list"), "without a list": ("issue", "doors", "")}
ANSWER = {"ownership": {"homeowner_status": "owner"}, "issue": {"issue_type": "broken_spring"}}


def main() -> int:
    """Measure one client at a time for the costs and eight for the slow ones."""
    parser = argparse.ArgumentParser(prog="python -m bench.step", description=__doc__)
    parser.add_argument("--requests", type=int, default=800, help="of each kind, a round")
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    with stage() as at:
        with at.owner.begin() as connection:
            visits = ready_visits(connection, at.settings, 64)
        requests = {kind: pairs(kind, visits, options.requests) for kind in KINDS}
        runs = {clients: compare(at, requests, clients, options.rounds) for clients in (2, 8)}
    return tell(runs)


def pairs(kind: str, visits: list[Ready], count: int) -> dict[str, list[bytes]]:
    """Return the product's requests of one kind and the control's, whose pages are of the same size."""
    posted, shown, listed = KINDS[kind]
    product = [[visit.post(posted, **ANSWER[posted]), visit.get(shown)] for visit in visits]
    bare = [
        [
            post(f"/step/{visit.visit_id}{listed}", {"answer": "owner"}),
            get(f"/step/{visit.visit_id}{listed}"),
        ]
        for visit in visits
    ]
    return {name: cycle(each, count) for name, each in (("product", product), ("bare", bare))}


def cycle(each: list[list[bytes]], count: int) -> list[bytes]:
    """Return so many requests, visit by visit; a visit's POST and GET stay with one client."""
    flat = [request for pair in each for request in pair]
    return (flat * (count // len(flat) + 1))[:count]


def compare(
    at: Stage, requests: dict[str, dict[str, list[bytes]]], clients: int, rounds: int
) -> dict[str, dict[str, Run]]:
    """Measure product and control in turns; the first round only warms up."""
    servers = {"product": at.product, "bare": at.bare}
    total = {kind: {name: Run() for name in servers} for kind in requests}
    for number in range(rounds + 1):
        for kind, by_name in requests.items():
            for name, server in servers.items():
                run = drive(server.port, by_name[name], clients, server.pid)
                assert set(run.statuses) == {200}, run.statuses
                if number:
                    total[kind][name].add(run)
    return total


def tell(runs: dict[int, dict[str, dict[str, Run]]]) -> int:
    """Print what each cost, and the figures that were promised."""
    rows = [
        (
            kind,
            clients,
            name,
            f"{run.ms_each:.2f}",
            f"{run.rate:.0f}",
            f"{run.latency_ms(0.5):.1f}",
            f"{run.latency_ms(0.99):.1f}",
        )
        for clients, kinds in runs.items()
        for kind, names in kinds.items()
        for name, run in names.items()
    ]
    show(("step", "clients", "who", "CPU ms", "requests/s", "p50 ms", "p99 ms"), rows)
    figures = []
    for kind in KINDS:
        product, bare = runs[2][kind]["product"], runs[2][kind]["bare"]
        share = 100 * bare.ms_each / product.ms_each
        note = f"{bare.ms_each:.2f} of {product.ms_each:.2f} CPU ms; requests/s {100 * product.rate / bare.rate:.0f} %"
        figures.append(Figure(f"P1 step {kind}, of bare", 50, 70, share, " %", note=note))
    for kind in KINDS:
        product, bare = (runs[8][kind][name].latency_ms(0.99) for name in ("product", "bare"))
        note = f"{product:.1f} against {bare:.1f} ms"
        figures.append(
            Figure(
                f"P8 p99, step {kind}, times bare", 4, 2, product / bare, "x", more_is_better=False, note=note
            )
        )
    return report(*figures)


if __name__ == "__main__":
    sys.exit(main())
