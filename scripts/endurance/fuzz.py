"""The command behind ``scripts/fuzz``."""

import random
from collections import Counter
from collections.abc import Sequence

import click

from scripts.endurance.flood import MEBIBYTE, start_flood
from scripts.endurance.laboratory import DATABASES, MAKERS, running_server
from scripts.endurance.requests import Findings, Fuzzer
from scripts.endurance.schemas import SpecMissing, operations
from scripts.endurance.served import described_operations, proposed_operations, with_proposals
from scripts.laboratory.federation_peer import start_peer
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import resident_bytes

APIS = ("client-server", "server-server")
FAULTS_SHOWN_MAX = 25


@click.command()
@click.option("--each", default=30, show_default=True, help="Made-up requests to each operation.")
@click.option("--pdus", default=10_000, show_default=True, help="Mutated events sent to the federation endpoint.")
@click.option("--only", multiple=True, help="Operation IDs; else all.")
@click.option("--database", type=click.Choice(DATABASES), default="sqlite", show_default=True)
@click.option("--server", type=click.Choice(list(MAKERS)), default="folkmoot", show_default=True)
@click.option("--seed", type=int, help="Repeat a run; a run prints its own.")
def main(each: int, pdus: int, only: tuple[str, ...], database: str, server: str, seed: int | None) -> None:
    """
    Send made-up requests to every operation, and mutated events from a peer.

    Operations are those of the spec, of proposals, and of the server's administration.

    Counts the answers.  Ends with status 1 when one was the server's fault (5xx, no answer, an error without a
    code), when a mutated event was taken, or when the server is not there at the end.
    """
    seed = seed if seed is not None else random.randrange(1_000_000)
    click.echo(f"{server} on {database}, --seed {seed}")
    failed = False
    with running_server(server, database) as running:
        if each:
            failed |= _fuzz_requests(running, each, only, seed)
        if pdus:
            failed |= _flood(running, pdus, seed)
        if running.process is None or not running.process.is_running:
            raise click.ClickException("the server is gone")
    if failed:
        raise click.exceptions.Exit(1)


def fuzz_requests(server: Homeserver, each: int, only: Sequence[str], seed: int) -> Findings:
    """*each* requests to every operation there is, in an order mixed by *seed*.  Raises SpecMissing."""
    choice = random.Random(seed)
    specified = [with_proposals(operation) for api in APIS for operation in operations(api)]
    every = [*specified, *proposed_operations(), *described_operations(server)]
    chosen = [operation for operation in every if not only or operation.row.id in only]
    peer = start_peer(server, server.place.authority, "127.0.0.8")
    try:
        fuzzer = Fuzzer(server, choice, peer)
        for _ in range(each):
            choice.shuffle(chosen)
            for operation in chosen:
                fuzzer.try_operation(operation)
        return fuzzer.findings
    finally:
        peer.close()


def _fuzz_requests(server: Homeserver, each: int, only: Sequence[str], seed: int) -> bool:
    before = resident_bytes(server.pid)
    try:
        findings = fuzz_requests(server, each, only, seed)
    except SpecMissing as missing:
        click.echo(f"SKIPPED: requests to the operations of the spec: {missing}")
        return False
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(findings.statuses.items()))
    click.echo(f"{findings.requests:,} requests to {findings.served} operations that are served: {statuses}")
    click.echo(f"resident memory from {before / MEBIBYTE:.0f} to {resident_bytes(server.pid) / MEBIBYTE:.0f} MiB")
    for name, count in Counter(fault.operation for fault in findings.faults).most_common():
        click.echo(f"  {count} faults in {name}")
    for fault in findings.faults[:FAULTS_SHOWN_MAX]:
        click.echo(f"FAULT {fault.operation}\n  {fault.request}\n  {fault.answer}")
    click.echo(f"{len(findings.faults)} answers were the server's fault")
    return bool(findings.faults)


def _flood(server: Homeserver, pdus: int, seed: int) -> bool:
    flood = start_flood(server, seed)
    try:
        flood.send(pdus)
        taken = flood.taken()
    finally:
        flood.close()
    click.echo(
        f"{flood.sent:,} mutated events of {len(flood.wrongs)} kinds, {len(flood.sound)} sound ones between them"
    )
    click.echo(f"{len(taken)} of the mutated were taken, {len(flood.faults)} transactions failed as a whole")
    click.echo(f"resident memory grew by {flood.memory_growth() / MEBIBYTE:.1f} MiB over the last three quarters")
    course = " ".join(f"{resident / MEBIBYTE:.0f}" for resident in flood.memory_course())
    click.echo(f"resident memory at each tenth of it, MiB: {course}")
    for line in [*taken, *flood.faults][:FAULTS_SHOWN_MAX]:
        click.echo(f"  {line}")
    return bool(taken)


if __name__ == "__main__":
    main()
