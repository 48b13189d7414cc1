"""
Registration files of application services become values: what is wrong is named by file and key, all of it at once.

Spec: application-service-api#registration
"""

from collections.abc import Sequence
from pathlib import Path

from conf.reading import SettingsError, read_yaml
from homeserver.core.appservices.registration import Registration, find_clash, parse_registration
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed

FILE_BYTES_MAX = 1 << 20


def read_registrations(files: Sequence[Path], server: ServerName) -> tuple[Registration, ...]:
    """The application services that the files describe.  Raises SettingsError."""
    problems: list[str] = []
    found: dict[Path, Registration] = {}
    for file in files:
        try:
            if file in found:
                raise SettingsError([f"appservices: {file} is named twice."])
            found[file] = parse_registration(read_yaml(file, FILE_BYTES_MAX), server)
        except Malformed as error:
            where = f"{file}: {error.path}" if error.path else f"{file}"
            problems.append(f"{where}: {error.reason}.")
        except SettingsError as error:
            problems.extend(error.problems)
    clash = find_clash(found.values())
    if clash is not None:
        one, other = (next(file for file, each in found.items() if each is side) for side in clash[:2])
        problems.append(f"{other}: {clash[2]}: {one} has the same; each application service needs its own.")
    if problems:
        raise SettingsError(problems)
    return tuple(found.values())
