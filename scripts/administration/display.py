"""What a server answers, for people to read."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Schema = Mapping[str, Any]


def show(answer: Any, columns: Sequence[str] = ()) -> None:
    """*answer* as a table; *columns*: those of a list, in their order (empty: whatever there is)."""
    console = Console()
    if isinstance(answer, dict) and isinstance(answer.get("items"), list):
        _show_list(console, answer, columns)
    elif isinstance(answer, dict) and answer:
        _show_object(console, answer)
    else:
        console.print("Done.")


def _show_list(console: Console, page: Mapping[str, Any], columns: Sequence[str]) -> None:
    items = page["items"]
    if not columns:
        columns = list(dict.fromkeys(name for item in items for name in item))
    # What nothing has takes no place.
    shown = [name for name in columns if any(item.get(name) not in (None, False, "") for item in items)]
    table = Table(show_edge=False, header_style="bold")
    for name in shown:
        table.add_column(_title(name), overflow="fold")
    for item in items:
        table.add_row(*(escape(text_of(name, item.get(name))) for name in shown))
    if items:
        console.print(table)
    if "next_token" in page:
        console.print(f"{len(items)} of {page['total']}; --all shows all, --from {page['next_token']} the next.")
    else:
        console.print(f"{len(items)} of {page['total']}.")


def _show_object(console: Console, value: Mapping[str, Any]) -> None:
    table = Table(show_header=False, show_edge=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in _lines(value, ""):
        table.add_row(name, escape(text))
    console.print(table)


def _lines(value: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, item in value.items():
        if isinstance(item, dict) and item and not prefix:
            lines.extend(_lines(item, f"{_title(name)}: "))
        else:
            lines.append((prefix + _title(name), text_of(name, item)))
    return lines


def text_of(name: str, value: Any) -> str:
    """A value as people read it; *name* tells what kind of value it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_ms"):
        return datetime.fromtimestamp(value / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, int) and name.endswith("_bytes"):
        return _bytes(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _title(name: str) -> str:
    name = name.removesuffix("_ms").removesuffix("_bytes").removeprefix("is_")
    return name.replace("_", " ")
