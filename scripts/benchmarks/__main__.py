"""The command behind ``scripts/bench``."""

import json
import os
import pstats
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import click
from attrs import frozen
from rich.console import Console

from scripts.benchmarks.comparison import compare, draw
from scripts.benchmarks.footprint import measure_footprint
from scripts.benchmarks.load import LoadFailed
from scripts.benchmarks.searching import MESSAGES
from scripts.benchmarks.subjects import LOAD_CORE, Figure, Subject
from scripts.benchmarks.workloads import WORKLOADS
from scripts.certificates import make_authority
from scripts.laboratory.client import MatrixError
from scripts.laboratory.federation_peer import PeerRefused
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import Homeserver, find_place
from scripts.laboratory.processes import NotInTime
from scripts.laboratory.synapse import make_synapse
from scripts.laboratory.tools import Unavailable, prepare_postgresql, prepare_synapse
from scripts.postgresql import Cluster, throwaway_cluster

MAKERS: dict[str, Callable[..., Homeserver]] = {"folkmoot": make_folkmoot, "synapse": make_synapse}
FOOTPRINT = "footprint"
PROFILE_LINES = 40
CHOICES = [*WORKLOADS, FOOTPRINT]


@click.command()
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--only", multiple=True, type=click.Choice(CHOICES), help="May be given more than once; else all.")
@click.option("--repeat", default=1, show_default=True, help="Rounds; the table shows medians.")
@click.option("--servers", default="folkmoot,synapse", show_default=True, help="Which to measure, in this order.")
@click.option("--search-messages", default=MESSAGES, show_default=True, help="In the room that is searched.")
@click.option("--profile", type=click.Path(path_type=Path), help="Run Folkmoot under cProfile; write here; slower.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the figures to this file, as JSON.")
def main(
    database: str,
    only: tuple[str, ...],
    repeat: int,
    servers: str,
    search_messages: int,
    profile: Path | None,
    output: Path | None,
) -> None:
    """
    Put the same work to Folkmoot and to Synapse, in turn, and print how they compare.

    Everything runs on this machine: the server on one core, the load on the other.  Both use the same kind of
    database, no rate limits, no presence.  The ratio says how many times better Folkmoot is.
    """
    kinds = servers.split(",")
    chosen = [name for name in CHOICES if not only or name in only]
    console = Console(width=None if os.isatty(1) else 120)
    try:
        if "synapse" in kinds:
            prepare_synapse()
        if database == "postgresql":
            prepare_postgresql()
    except Unavailable as missing:
        raise click.ClickException(str(missing)) from missing
    if (os.cpu_count() or 1) > LOAD_CORE:
        os.sched_setaffinity(0, {LOAD_CORE})
    rounds: list[tuple[str, list[Figure]]] = []
    for number in range(1, repeat + 1):
        for kind in kinds:
            console.print(f"round {number} of {repeat}: {kind} on {database}", style="bold")
            options = {"profile": profile.resolve()} if profile and kind == "folkmoot" else {}
            rounds.append((kind, _measure(_Setting(kind, database, options, search_messages), chosen, console)))
    rows = compare(rounds)
    console.print(draw(rows, kinds, f"Folkmoot and Synapse on {database}, {repeat} round(s)"))
    if profile:
        pstats.Stats(str(profile)).sort_stats("tottime").print_stats(PROFILE_LINES)
    if output:
        lines = [{"work": r.subject, "unit": r.unit, **r.values, "ratio": r.ratio} for r in rows]
        output.write_text(json.dumps(lines, indent=1) + "\n")


@frozen
class _Setting:
    """What is measured on which database, and options of its maker."""

    kind: str
    database: str
    options: Mapping[str, Path]
    search_messages: int


def _measure(setting: _Setting, chosen: Sequence[str], console: Console) -> list[Figure]:
    figures: list[Figure] = []

    def note(name: str, work: Callable[[], list[Figure]]) -> None:
        try:
            measured = work()
        except (LoadFailed, MatrixError, PeerRefused, NotInTime) as failure:
            # The rest can be measured all the same; the row that is missing in the table is told of here.
            console.print(f"  {name} FAILED: {failure}", style="bold red", markup=False)
            return
        for figure in measured:
            console.print(f"  {figure.subject}: {figure.value:,.2f} {figure.unit}")
        figures.extend(measured)

    with _laboratory(setting) as (subject, _):
        for name in chosen:
            if name != FOOTPRINT:
                more = {"messages": setting.search_messages} if name == "search" else {}
                note(name, partial(WORKLOADS[name], subject, **more))
    if FOOTPRINT in chosen:
        with _laboratory(setting) as (subject, storage):
            note(FOOTPRINT, partial(measure_footprint, subject, storage))
    return figures


@contextmanager
def _laboratory(setting: _Setting) -> Iterator[tuple[Subject, Callable[[], int]]]:
    """A fresh server, pinned to its core, for the time of the block; and how many bytes it stores."""
    directory = Path(tempfile.mkdtemp(prefix=f"folkmoot-bench-{setting.kind}-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        cluster: Cluster | None = None
        url: str | None = None
        if setting.database == "postgresql":
            cluster = stack.enter_context(throwaway_cluster())
            url = cluster.create_database(setting.kind)
            _unpin(cluster)
        authority = make_authority(directory)
        place = find_place(directory / "server", authority, database_url=url)
        server = MAKERS[setting.kind](place, presence=False, **setting.options)
        stack.callback(server.stop)
        server.start()
        subject = Subject(server, cluster)
        subject.pin()
        yield subject, _storage(server, cluster)


def _storage(server: Homeserver, cluster: Cluster | None) -> Callable[[], int]:
    return server.storage if cluster is None else lambda: cluster.database_bytes(server.kind)


def _unpin(cluster: Cluster) -> None:
    # What this process starts inherits its one core; new sessions inherit the postmaster's choice.
    os.sched_setaffinity(cluster.process.pid, range(os.cpu_count() or 1))


if __name__ == "__main__":
    main()
