"""What ``scripts/test`` runs: sets up the tools of others, starts PostgreSQL, runs pytest, says what was left out."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import Factory, define

from scripts.laboratory.tools import (
    ROOT,
    Unavailable,
    prepare_node,
    prepare_postgresql,
    prepare_synapse,
)
from scripts.postgresql import throwaway_cluster

POSTGRESQL_VARIABLE = "FOLKMOOT_TEST_POSTGRESQL"
UNIT_EXPRESSION = "not peers and not crash and not postgresql"
# Servers of their own, clients and kills: one after another, so that what they wait for is their own doing.
PROCESSES_EXPRESSION = "peers or crash"
WORKERS = 2
NO_TESTS = 5
"""What pytest answers when nothing was selected: the folders asked for may hold only one of the two kinds."""
# Folders of tests that start peers and clients nobody here wrote.
PEER_FOLDERS = ("tests/peers",)


@define
class LeftOut:
    """The tools that could not be had, with the reason of each: told at the very end, where it is read."""

    reasons: dict[str, str] = Factory(dict)

    def attempt(self, tool: str, prepare: Callable[[], None]) -> bool:
        """Whether *tool* is ready now."""
        started = time.monotonic()
        _say(f"{tool}: setting up what is missing ...")
        try:
            prepare()
        except Unavailable as error:
            self.reasons[tool] = str(error)
            _say(f"{tool}: NOT AVAILABLE: {error}")
            return False
        _say(f"{tool}: ready ({time.monotonic() - started:.1f} s)")
        return True

    def tell(self) -> None:
        for tool, reason in self.reasons.items():
            _say(f"SKIPPED for want of {tool}: {reason}")


def main(arguments: Sequence[str]) -> int:
    """pytest's exit status."""
    unit = "--unit" in arguments
    rest = [argument for argument in arguments if argument != "--unit"]
    left_out = LeftOut()
    environment = dict(os.environ)
    command = [sys.executable, "-m", "pytest", "-rs", "--durations=10", *rest]
    if unit:
        return subprocess.call([*command, "-m", UNIT_EXPRESSION], cwd=ROOT)
    with ExitStack() as stack:
        if environment.get(POSTGRESQL_VARIABLE):
            _say(f"PostgreSQL: the one that {POSTGRESQL_VARIABLE} names")
        elif left_out.attempt("PostgreSQL", prepare_postgresql):
            cluster = stack.enter_context(throwaway_cluster(durable=False))
            environment[POSTGRESQL_VARIABLE] = cluster.create_database("folkmoot_test")
        if _wants_peers(rest):
            left_out.attempt("Node.js with matrix-js-sdk", prepare_node)
            left_out.attempt("Synapse", prepare_synapse)
        status = _run_all(command, environment)
    left_out.tell()
    return status


def _run_all(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The tests of one process on all cores, then those of several by themselves; the first status that is not 0."""
    parallel = ["-n", str(WORKERS), "--dist", "loadfile", "-m", f"not ({PROCESSES_EXPRESSION})"]
    statuses = [
        subprocess.call([*command, *selection], cwd=ROOT, env=environment)
        for selection in (parallel, ["-m", PROCESSES_EXPRESSION])
    ]
    return next((status for status in statuses if status not in (0, NO_TESTS)), min(statuses))


def _wants_peers(arguments: Sequence[str]) -> bool:
    """Whether the folders asked for hold tests with real peers; no folder asks for all."""
    paths = [argument.partition("::")[0] for argument in arguments if not argument.startswith("-")]
    tests = [path.rstrip("/") for path in paths if (ROOT / path).exists()]
    return not tests or any(
        Path(path) in Path(folder).parents or path.startswith(folder) for path in tests for folder in PEER_FOLDERS
    )


def _say(line: str) -> None:
    print(f"== {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
