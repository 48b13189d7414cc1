"""
The ``folkmoot`` command.

Each sub-command loads what it needs when it runs: those of administrators, who may use them one after the other, need
nothing of the server.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.administration.group import admin

if TYPE_CHECKING:
    from conf.settings import Settings

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
SETTINGS_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(context_settings=CONTEXT)
def main() -> None:
    """
    Folkmoot: your organization's own team-chat server.

    It speaks Matrix: your people use any Matrix client, and your rooms can span the servers of other organizations.
    To try it out, run `folkmoot serve` and open the address that it prints. To run it for good, write a settings file
    (`folkmoot settings` prints one to start from) and run `folkmoot serve --config FILE`.
    """


@main.command()
@click.option("--config", "file", type=SETTINGS_FILE, help="The settings file, YAML. Without it: the defaults.")
def serve(file: Path | None) -> None:
    """
    Start the server, and keep it running.

    Without a settings file it keeps everything in the folder folkmoot-data, listens on http://127.0.0.1:8008 for this
    machine alone, and lets you make accounts: good for trying it out.

    SIGTERM and Ctrl-C stop it once every request that it has accepted is answered. SIGHUP makes it read its TLS
    certificates again and reopen its log file.
    """
    from scripts import lean  # noqa: F401  (before anything loads structlog)

    settings = _settings(file)
    from scripts.running import run  # installs the reactor, which other commands do without

    sys.exit(run(settings))


@main.command("settings")
def print_settings() -> None:
    """
    Print every setting with its meaning and its default.

    What is printed is a settings file itself: `folkmoot settings > folkmoot.yaml` is a good start. Keep what you
    change, and leave out the rest.
    """
    from conf.reference import render_reference

    click.echo(render_reference(), nl=False)


@main.command("check-config")
@click.argument("file", type=SETTINGS_FILE)
def check_config(file: Path) -> None:
    """
    Say whether a settings file is good, without starting anything.

    Everything that is wrong is listed, with what is allowed. The exit status is 0 when all is well.
    """
    settings = _settings(file, with_registrations=True)
    click.echo(f"{file} is good. {settings.server_name} will be reached at {settings.baseurl}")


@main.command("register-user")
@click.argument("name")
@click.option("--config", "file", type=SETTINGS_FILE, help="The settings file of the server. Without it: the defaults.")
@click.option("--admin", "is_admin", is_flag=True, help="The user administers the server.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for if not given.")
def register_user(name: str, file: Path | None, is_admin: bool, password: str) -> None:
    """
    Make an account, on the server's own machine.

    It is made in the database that the settings name, whether or not registration is open, and whether or not the
    server runs. So comes the first administrator: `folkmoot register-user alice --admin --config FILE`.
    """
    settings = _settings(file)
    from scripts.administration.bootstrap import FirstAccount, register

    user_id = register(settings, FirstAccount(name, password, is_admin))
    click.echo(f"{user_id} can log in{' and administers the server' if is_admin else ''}.")


@main.command("make-admin")
@click.argument("name")
@click.option("--config", "file", type=SETTINGS_FILE, help="The settings file of the server. Without it: the defaults.")
def make_admin(name: str, file: Path | None) -> None:
    """
    Let a user who has an account administer the server.

    It is to be run on the server's own machine, whether or not the server runs; a server that runs hears of it within
    a minute. From afar, administrators do the same with `folkmoot admin users make-admin`.
    """
    settings = _settings(file)
    from scripts.administration import bootstrap

    click.echo(f"{bootstrap.make_admin(settings, name)} administers the server.")


@main.command("rotate-key")
@click.option("--config", "file", type=SETTINGS_FILE, help="The settings file of the server. Without it: the defaults.")
def rotate_key(file: Path | None) -> None:
    """
    Sign with a new key, and keep the old one to be checked by.

    It is to be run on the server's own machine, and holds from the server's next start: other servers are then told of
    both keys, so that what the old one signed stays good.
    """
    settings = _settings(file)
    from scripts.administration import key_rotation

    click.echo(f"From its next start {settings.server_name} signs with {key_rotation.rotate_key(settings)}.")


main.add_command(admin)


@main.command()
def version() -> None:
    """Print the version of this program."""
    from importlib.metadata import version as version_of

    click.echo(f"Folkmoot {version_of('folkmoot')}")


def _settings(file: Path | None, *, with_registrations: bool = False) -> "Settings":
    """*with_registrations*: those of application services that the settings name are looked into, too."""
    from conf.appservices import read_registrations
    from conf.reading import SettingsError, read_settings

    try:
        settings = read_settings(file, os.environ)
        if with_registrations:
            read_registrations(settings.appservices, settings.server_name)
        return settings
    except SettingsError as error:
        subject = "The settings" if file is None else f"The settings in {file}"
        click.echo(f"{subject} cannot be used:", err=True)
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
