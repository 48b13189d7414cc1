"""
Third-party networks as application services describe them: what is ill-formed is left out.

Spec: application-service-api#third-party-networks
"""

from collections.abc import Iterable, Mapping
from typing import Final

from homeserver.core.canonical import JSON, JSONObject

ITEMS_MAX: Final = 1_000
"""Locations or users that one application service may answer."""
INSTANCES_MAX: Final = 200

_SEPARATOR: Final = "|"


def instance_id(appservice_id: str, network_id: str) -> str:
    """What names a network over all application services."""
    return f"{appservice_id}{_SEPARATOR}{network_id}"


def parse_instance_id(text: str) -> tuple[str, str]:
    """The application service and its network; both empty where this server gave out no such name."""
    appservice_id, separator, network_id = text.rpartition(_SEPARATOR)
    return (appservice_id, network_id) if separator else ("", "")


def protocol_of(answer: JSON, appservice_id: str) -> JSONObject | None:
    """A protocol for clients; None when *answer* is none."""
    if not isinstance(answer, dict):
        return None
    user_fields, location_fields = _texts(answer.get("user_fields")), _texts(answer.get("location_fields"))
    field_types = answer.get("field_types")
    icon = answer.get("icon")
    instances = answer.get("instances")
    if user_fields is None or location_fields is None or not isinstance(field_types, dict):
        return None
    return {
        "user_fields": user_fields,
        "location_fields": location_fields,
        # The spec requires it, and bridges without an icon send null.
        "icon": icon if isinstance(icon, str) else "",
        "field_types": {name: kind for name, kind in field_types.items() if _is_field_type(kind)},
        "instances": [
            {**each, "instance_id": instance_id(appservice_id, str(each["network_id"]))}
            for each in (instances if isinstance(instances, list) else [])[:INSTANCES_MAX]
            if isinstance(each, dict) and _is_instance(each)
        ],
    }


def merged(protocols: Iterable[JSONObject]) -> JSONObject | None:
    """One protocol of several services: the first, with the instances of all.  None: there are none."""
    whole: JSONObject | None = None
    for protocol in protocols:
        if whole is None:
            whole = dict(protocol)
        else:
            whole["instances"] = [*_items(whole["instances"]), *_items(protocol["instances"])]
    return whole


def locations_of(answer: JSON) -> list[JSON]:
    """The locations of an answer."""
    return _well_formed(answer, "alias")


def users_of(answer: JSON) -> list[JSON]:
    """The users of an answer."""
    return _well_formed(answer, "userid")


def _well_formed(answer: JSON, name: str) -> list[JSON]:
    return [each for each in _items(answer)[:ITEMS_MAX] if isinstance(each, dict) and _is_mapped(each, name)]


def _is_mapped(item: Mapping[str, JSON], name: str) -> bool:
    texts = isinstance(item.get(name), str) and isinstance(item.get("protocol"), str)
    return texts and isinstance(item.get("fields"), dict)


def _is_instance(instance: Mapping[str, JSON]) -> bool:
    texts = isinstance(instance.get("network_id"), str) and isinstance(instance.get("desc"), str)
    icon = instance.get("icon", "")
    return texts and isinstance(instance.get("fields"), dict) and isinstance(icon, str)


def _is_field_type(kind: JSON) -> bool:
    return isinstance(kind, dict) and isinstance(kind.get("regexp"), str) and isinstance(kind.get("placeholder"), str)


def _texts(value: JSON) -> list[JSON] | None:
    return value if isinstance(value, list) and all(isinstance(each, str) for each in value) else None


def _items(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []
