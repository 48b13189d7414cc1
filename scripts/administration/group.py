"""The ``folkmoot admin`` group, and what it takes to log in."""

from typing import Any

import click

from scripts.administration import credentials


class LateGroup(click.Group):
    """A group whose commands are made when somebody asks for one: the other commands do without what that takes."""

    _is_made = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._make()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._make()
        return super().get_command(ctx, cmd_name)

    def _make(self) -> None:
        if not self._is_made:
            self._is_made = True
            from scripts.administration.commands import add_commands

            add_commands(self)


@click.group(cls=LateGroup)
@click.option("--url", envvar="FOLKMOOT_ADMIN_URL", help="Where the server is reached.")
@click.option("--token", envvar="FOLKMOOT_ADMIN_TOKEN", help="The access token of an administrator.")
@click.option("--json", "as_json", is_flag=True, help="Print answers as JSON.")
@click.pass_context
def admin(context: click.Context, url: str | None, token: str | None, as_json: bool) -> None:
    """
    Look after a running server: accounts, rooms, reports, registration.

    Log in once with `folkmoot admin login`. The first administrator is made on the server's own machine, with
    `folkmoot register-user NAME --admin --config FILE`; each can then make others.
    Users may be named without the server: `folkmoot admin users show alice`.
    """
    from scripts.administration.commands import Session

    context.obj = Session(url, token, as_json)


@admin.command()
@click.option("--url", prompt="Where is the server (https://…)?", help="Where the server is reached.")
@click.option("--user", prompt="User name", help="An administrator of the server.")
@click.option("--password", prompt=True, hide_input=True, help="Asked for when it is not given, which is safer.")
def login(url: str, user: str, password: str) -> None:
    """Log in to a server, as one of its administrators; the login is kept for the next commands."""
    from scripts.administration.client import PREFIX, AdminClient, Refused

    body: dict[str, Any] = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": password,
        "initial_device_display_name": "folkmoot admin",
    }
    try:
        session = AdminClient(url).ask("POST", "/_matrix/client/v3/login", body=body)
        client = AdminClient(url, session["access_token"])
        try:
            about = client.ask("GET", f"{PREFIX}/version")
        except Refused:
            # A session that may do nothing here is not left behind.
            client.ask("POST", "/_matrix/client/v3/logout", body={})
            raise
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    credentials.keep(credentials.Credentials(url, session["access_token"], session["user_id"]))
    click.echo(f"You administer {about['server_name']} (Folkmoot {about['version']}) as {session['user_id']}.")


@admin.command()
def logout() -> None:
    """Log out, and forget the login that was kept."""
    from scripts.administration.client import AdminClient, Refused

    kept = credentials.load()
    if kept is None:
        click.echo("You were not logged in.")
        return
    try:
        AdminClient(kept.url, kept.token).ask("POST", "/_matrix/client/v3/logout", body={})
    except Refused as refused:
        click.echo(f"The server did not hear of it: {refused}", err=True)
    credentials.forget()
    click.echo("You are logged out.")
