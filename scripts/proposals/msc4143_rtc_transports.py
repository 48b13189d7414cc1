"""Where calls are carried: MSC4143."""

from homeserver.http.client.rtc_transports import RTC_FOCI, RTCTransportEndpoints
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Clients are told by an endpoint, and the older ones by what is well known."""
    rtc = ground.base.settings.rtc
    return Proposal(
        features={"org.matrix.msc4143": True},
        endpoints=(RTCTransportEndpoints(rtc),),
        well_known={RTC_FOCI: rtc.services_to_json()} if rtc.transports else {},
    )
