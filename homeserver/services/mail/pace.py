"""How often somebody has mail sent: to one address, and from one client."""

from attrs import define, field

from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.rates import Rate
from homeserver.services.clock import Clock
from homeserver.services.ledgers import Ledger
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.refusals import TooSoon


@define(eq=False)
class MailPace:
    """Counts mails that strangers have sent.  *settings* None: nothing is limited."""

    clock: Clock
    settings: EmailSettings | None
    _addresses: Ledger = field(init=False)
    _clients: Ledger = field(init=False)

    def __attrs_post_init__(self) -> None:
        if self.settings is not None:
            self._addresses = Ledger(Rate(self.settings.address_per_hour / 3600, self.settings.address_burst))
            self._clients = Ledger(Rate(self.settings.client_per_hour / 3600, self.settings.client_burst))

    def spend(self, address: EmailAddress, client_ip: str) -> None:
        """One more mail may be sent.  Raises TooSoon when it may not."""
        if self.settings is None:
            return
        now = self.clock.seconds() * 1000
        wait = max(self._addresses.wait_ms(address, now), self._clients.wait_ms(client_ip, now))
        if wait:
            raise TooSoon(wait)
        self._addresses.spend(address, now)
        self._clients.spend(client_ip, now)
