"""All that administrators can ask for: what ``scripts/parts/administration.py`` serves, and the command line knows."""

from federation.http.admin.destinations import DestinationEndpoints
from homeserver.http.admin.actions import ActionEndpoints
from homeserver.http.admin.jobs import JobEndpoints
from homeserver.http.admin.possessions import PossessionEndpoints
from homeserver.http.admin.registration_tokens import RegistrationTokenEndpoints
from homeserver.http.admin.reports import AdminReportEndpoints
from homeserver.http.admin.rooms import RoomEndpoints
from homeserver.http.admin.server import ServerEndpoints
from homeserver.http.admin.users import UserEndpoints
from homeserver.http.admin.validity import ValidityEndpoints

ENDPOINTS: tuple[type, ...] = (
    UserEndpoints,
    PossessionEndpoints,
    ValidityEndpoints,
    RegistrationTokenEndpoints,
    AdminReportEndpoints,
    ServerEndpoints,
    RoomEndpoints,
    JobEndpoints,
    DestinationEndpoints,
    ActionEndpoints,
)
"""In the order in which the command line shows them."""
