"""
An application service asks whether it can be reached.

Spec: application-service-api#pinging
"""

import orjson
from attrs import define

from homeserver.services.appservices.roster import Roster
from homeserver.services.appservices.traffic import Traffic
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock
from homeserver.services.ports import AppserviceRequests, PeerFault, PeerTimedOut, PeerUnreachable
from homeserver.services.refusals import Forbidden, PingFailed, PingRefused, PingTimedOut, URLNotSet


@define(eq=False)
class Pinging:
    """Pings."""

    roster: Roster
    requests: AppserviceRequests
    traffic: Traffic
    clock: Clock

    async def ping(self, caller: Caller, appservice_id: str, transaction_id: str | None) -> int:
        """
        How long the answer took, in milliseconds; what the service did not take before is sent again.

        Raises Forbidden, URLNotSet, PingFailed, PingTimedOut, PingRefused.
        """
        registration = self.roster.of_id(appservice_id)
        if registration is None or caller.appservice_id != appservice_id:
            raise Forbidden("This is not the access token of that application service.")
        if registration.url is None:
            raise URLNotSet
        began = self.clock.seconds()
        try:
            await self.requests.ping(registration, transaction_id)
        except PeerTimedOut as silence:
            raise PingTimedOut from silence
        except PeerUnreachable as silence:
            raise PingFailed(f"The application service cannot be reached: {silence.reason}.") from silence
        except PeerFault as fault:
            raise PingRefused(fault.status, "" if fault.body is None else orjson.dumps(fault.body).decode()) from fault
        self.traffic.try_now(appservice_id)
        return int((self.clock.seconds() - began) * 1000)
