"""Figures of several rounds, side by side: medians and the ratio in Folkmoot's favor."""

from collections.abc import Iterable, Sequence
from statistics import median

from attrs import frozen
from rich.table import Table

from scripts.benchmarks.subjects import Figure


@frozen
class Row:
    """One figure of every kind of server, the median over the rounds."""

    subject: str
    unit: str
    more_is_better: bool
    values: dict[str, float]

    @property
    def ratio(self) -> float | None:
        """How many times better Folkmoot is; None while one of the two was not measured."""
        ours, theirs = self.values.get("folkmoot"), self.values.get("synapse")
        if not ours or not theirs:
            return None
        return ours / theirs if self.more_is_better else theirs / ours


def compare(rounds: Iterable[tuple[str, Sequence[Figure]]]) -> list[Row]:
    """A row for every subject and unit, in the order of their first appearance."""
    values: dict[tuple[str, str, bool], dict[str, list[float]]] = {}
    for kind, figures in rounds:
        for figure in figures:
            row = values.setdefault((figure.subject, figure.unit, figure.more_is_better), {})
            row.setdefault(kind, []).append(figure.value)
    return [
        Row(subject, unit, more_is_better, {kind: median(measured) for kind, measured in kinds.items()})
        for (subject, unit, more_is_better), kinds in values.items()
    ]


def draw(rows: Sequence[Row], kinds: Sequence[str], title: str) -> Table:
    """A table for the terminal."""
    table = Table(title=title, title_justify="left")
    table.add_column("work")
    table.add_column("unit")
    for kind in kinds:
        table.add_column(kind, justify="right")
    table.add_column("ratio", justify="right")
    for row in rows:
        ratio = row.ratio
        cells = [_number(row.values.get(kind)) for kind in kinds]
        table.add_row(row.subject, row.unit, *cells, f"{ratio:.1f}" if ratio is not None else "")
    return table


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"
