"""A new signing key for the server, made on its own machine."""

import time

import click

from conf.settings import Settings
from federation.services.signing_key import FILE_NAME, rotate_own_keys
from homeserver.core.malformed import Malformed


def rotate_key(settings: Settings) -> str:
    """The ID of the key that the server signs with from its next start.  Raises ClickException."""
    try:
        return rotate_own_keys(settings.data_dir, int(time.time() * 1000)).current.key_id
    except FileNotFoundError as error:
        raise click.ClickException(f"There is no key in {settings.data_dir} yet: the first start makes one.") from error
    except OSError as error:
        raise click.ClickException(f"{settings.data_dir / FILE_NAME} cannot be written: {error.strerror}.") from error
    except Malformed as error:
        raise click.ClickException(f"{settings.data_dir / FILE_NAME} holds no key: {error.reason}") from error
