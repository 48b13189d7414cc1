"""
``folkmoot admin``: one command an operation, made from the description of the API that this very program serves.

What an operation takes is said once, where it is served; here it only becomes arguments and options.  What only some
commands need, they load themselves.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import click
from attrs import define, field

from scripts.administration import credentials
from scripts.administration.client import PREFIX, AdminClient, Refused, path_of
from scripts.administration.operations import Operation, operations
from scripts.administration.parameters import Given, parameters_of

ALIASES: Final[Mapping[str, tuple[str, Mapping[str, Any], str]]] = {
    "users unlock": ("users lock", {"locked": False}, "A locked account can be used again."),
    "users unsuspend": ("users suspend", {"suspended": False}, "A suspended account may act again."),
    "users make-admin": ("users edit", {"is_admin": True}, "A user administers this server."),
    "users remove-admin": ("users edit", {"is_admin": False}, "A user administers this server no more."),
}
"""Commands that are another with part of its body filled in: ``{command: (the other, the part, what it does)}``."""

GROUPS: Final[Mapping[str, str]] = {
    "users": "Accounts.",
    "devices": "Devices of a user, which are its sessions.",
    "limits": "Rate limits of single accounts.",
    "tokens": "Registration tokens, which let newcomers make accounts.",
    "reports": "What users reported.",
    "notices": "What the server tells its users.",
    "actions": "Who did what to whom.",
    "rooms": "Rooms.",
    "jobs": "Long work in the background.",
    "destinations": "Other servers.",
}
FOLLOW_SECONDS: Final = 0.5


@define
class Session:
    """What the options before the command say."""

    url: str | None
    token: str | None = field(repr=False)
    as_json: bool
    _server_name: str | None = None

    def client(self) -> AdminClient:
        """The server that is administered.  Raises ClickException when none was named."""
        kept = None if self.url and self.token else credentials.load()
        url = self.url or (kept.url if kept else None)
        token = self.token or (kept.token if kept else None)
        if url is None or token is None:
            raise click.ClickException(
                "Log in first, with `folkmoot admin login --url https://your.server`; or give --url and --token."
            )
        return AdminClient(url, token)

    def user_id(self, name: str) -> str:
        """The user whom an administrator names, with or without the server."""
        if name.startswith("@"):
            return name
        if self._server_name is None:
            self._server_name = str(self.client().ask("GET", f"{PREFIX}/version")["server_name"])
        return f"@{name}:{self._server_name}"


def add_commands(group: click.Group) -> None:
    """*group* has a command for each operation."""
    every = operations()
    for words, operation in sorted(every.items()):
        _place(group, words, partial(_command, operation, {}, None))
    for words, (other, body, about) in ALIASES.items():
        _place(group, words, partial(_command, every[other], body, about))


def _place(group: click.Group, words: str, make: Callable[[str], click.Command]) -> None:
    *groups, name = words.split()
    for each in groups:
        inner = group.commands.get(each)
        if inner is None:
            inner = click.Group(each, help=GROUPS.get(each))
            group.add_command(inner)
        assert isinstance(inner, click.Group), f"{words}: {each} is a command"
        group = inner
    group.add_command(make(name))


def _command(operation: Operation, fixed: Mapping[str, Any], about: str | None, name: str) -> click.Command:
    given = [
        each for each in parameters_of(operation.described, operation.schemas) if not (fixed and each.place == "body")
    ]
    extra: list[click.Parameter] = [click.Option(["--json", "as_json"], is_flag=True, help="Print the answer as JSON.")]
    if any(each.name == "from" for each in given):
        extra.append(click.Option(["--all", "whole"], is_flag=True, help="Show all pages."))
    if operation.is_asked_before:
        extra.append(click.Option(["--yes", "-y", "sure"], is_flag=True, help="Do not ask whether you are sure."))
    if operation.is_followed:
        extra.append(
            click.Option(["--wait/--no-wait", "wait"], default=True, help="Show how far it is until it is done.")
        )

    def run(as_json: bool, whole: bool = False, sure: bool = True, wait: bool = False, **values: Any) -> None:
        _run(operation, given, fixed, values, as_json=as_json, whole=whole, sure=sure, wait=wait)

    return click.Command(
        name,
        callback=run,
        params=[*(each.parameter for each in given), *extra],
        help=about or operation.described["summary"],
    )


def _run(
    operation: Operation,
    given: list[Given],
    fixed: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    as_json: bool,
    whole: bool,
    sure: bool,
    wait: bool,
) -> None:
    session = click.get_current_context().find_object(Session)
    assert session is not None, "the group makes one"
    parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": dict(fixed)}
    for each in given:
        value = values[each.key]
        if value is not None:
            parts[each.place][each.name] = session.user_id(value) if each.name == "userId" else value
    if not sure:
        subject = " ".join(parts["path"].values())
        click.confirm(f"{operation.described['summary']} {subject}".strip() + "\nAre you sure?", abort=True, err=True)
    client = session.client()
    path = path_of(operation.path, parts["path"])
    body = parts["body"] if "requestBody" in operation.described else None
    answer = _asked(partial(client.ask, operation.method, path, parts["query"], body))
    if whole:
        answer = _all_pages(client, path, parts["query"], answer)
    if wait:
        answer = _followed(client, answer)
    if as_json or session.as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        from scripts.administration.display import show

        show(answer, operation.columns)
    if wait and answer.get("state") in {"failed", "cancelled"}:
        click.get_current_context().exit(1)


def _asked(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused


def _all_pages(client: AdminClient, path: str, query: Mapping[str, Any], first: Any) -> Any:
    items, token = list(first["items"]), first.get("next_token")
    with _progress() as progress:
        bar = progress.add_task("Reading", total=first["total"], completed=len(items))
        while token is not None:
            page = _asked(partial(client.ask, "GET", path, {**query, "from": token}))
            items += page["items"]
            token = page.get("next_token")
            progress.update(bar, completed=len(items))
    return {"items": items, "total": first["total"]}


def _followed(client: AdminClient, answer: Any) -> Any:
    """What became of something that goes on in the background, shown while it does."""
    path = f"{PREFIX}/jobs/{answer['job_id']}"
    with _progress() as progress:
        bar = progress.add_task("Working", total=None)
        while True:
            progress.update(bar, description=_phase(answer), completed=answer["done"], total=answer.get("total"))
            if answer["state"] not in {"queued", "running"}:
                return answer
            time.sleep(FOLLOW_SECONDS)
            answer = _asked(partial(client.ask, "GET", path))


def _phase(answer: Mapping[str, Any]) -> str:
    return str(answer.get("phase") or answer["state"]).replace("_", " ").capitalize()


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
