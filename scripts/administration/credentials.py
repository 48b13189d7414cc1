"""Which server is administered, and the token for it: kept in a file that its owner alone can read."""

import json
import os
from pathlib import Path
from typing import Final

import click
from attrs import asdict, field, frozen

FILE_VARIABLE: Final = "FOLKMOOT_ADMIN_FILE"


@frozen
class Credentials:
    """A login as an administrator."""

    url: str
    token: str = field(repr=False)
    user_id: str = ""


def file() -> Path:
    """Where the login is kept."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named) if named else Path(click.get_app_dir("folkmoot")) / "admin.json"


def load() -> Credentials | None:
    """The login that was kept; None: there is none."""
    try:
        kept = json.loads(file().read_text(encoding="utf-8"))
        return Credentials(str(kept["url"]), str(kept["token"]), str(kept.get("user_id", "")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(
            f"{file()} cannot be read: {error}. Log in again with `folkmoot admin login`."
        ) from error


def keep(credentials: Credentials) -> None:
    """The login is kept."""
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nobody else may read it at any moment.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(credentials), stream)
    path.chmod(0o600)


def forget() -> bool:
    """Whether a login was kept; it is no more."""
    try:
        file().unlink()
    except FileNotFoundError:
        return False
    return True
