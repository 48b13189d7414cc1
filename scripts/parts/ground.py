"""What proposals, and all that is built after them, stand on."""

from attrs import field, frozen

from homeserver.http.client.send_options import SendOption
from homeserver.services.sliding.extensions import SlidingExtension
from homeserver.services.unsigned import Unsigned
from scripts.parts.appservices import Appservices
from scripts.parts.encryption import Encryption
from scripts.parts.foundation import Foundation
from scripts.parts.members import Members
from scripts.parts.news import News
from scripts.parts.reading import Reading
from scripts.parts.replicas import Replicas
from scripts.parts.rooms import Rooms
from scripts.parts.servers import Servers
from scripts.parts.sign_in import SignIn
from scripts.parts.users import Users


@frozen(eq=False, kw_only=True)
class Ground:
    """The chapters that stand before the first proposal is asked."""

    base: Foundation
    servers: Servers
    appservices: Appservices
    rooms: Rooms
    replicas: Replicas
    members: Members
    reading: Reading
    sign_in: SignIn
    users: Users
    encryption: Encryption
    news: News
    send_options: list[SendOption] = field(factory=list)
    """Those of all proposals, in the end."""
    unsigned: list[Unsigned] = field(factory=list)
    """Likewise."""
    sliding_extensions: list[SlidingExtension] = field(factory=list)
    """Of sliding sync: a proposal may add its own."""
