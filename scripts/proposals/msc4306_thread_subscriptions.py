"""
Subscriptions to threads: which of them users want to hear of.  Sliding sync tells of them (proposal 4308).

Spec: proposals/4306
"""

from homeserver.http.client.thread_subscriptions import ThreadSubscriptionEndpoints
from homeserver.services.thread_subscriptions import ThreadSubscriptions, ThreadSubscriptionsExtension
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """What subscriptions to threads add."""
    base, reading = ground.base, ground.reading
    subscriptions = ThreadSubscriptions(base.database, base.tail, reading.views, reading.messages, ground.news.threads)
    ground.users.push_rules.proposed = True
    for name in ("thread_subscriptions", "io.element.msc4308.thread_subscriptions"):
        ground.sliding_extensions.append(ThreadSubscriptionsExtension(subscriptions, name))
    return Proposal(
        features={"org.matrix.msc4306": True},
        endpoints=[ThreadSubscriptionEndpoints(subscriptions)],
        followers=[subscriptions.follow],
        belongings=[subscriptions],
        subscribed_threads=[subscriptions],
    )
