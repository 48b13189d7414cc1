"""Tests of scripts.benchmarks.comparison."""

from scripts.benchmarks.comparison import compare
from scripts.benchmarks.subjects import Figure


def test_ratios_are_in_our_favor() -> None:
    """More a second and less memory both count as better; several rounds count by their median."""
    rounds = [
        ("folkmoot", [Figure("send", "events/s", 100), Figure("memory", "MiB", 50, more_is_better=False)]),
        ("synapse", [Figure("send", "events/s", 10), Figure("memory", "MiB", 150, more_is_better=False)]),
        ("folkmoot", [Figure("send", "events/s", 300)]),
        ("folkmoot", [Figure("send", "events/s", 200)]),
    ]
    send, memory = compare(rounds)

    assert send.values == {"folkmoot": 200, "synapse": 10}
    assert send.ratio == 20
    assert memory.ratio == 3


def test_no_ratio_of_one() -> None:
    (row,) = compare([("synapse", [Figure("send", "events/s", 10)])])

    assert row.ratio is None
