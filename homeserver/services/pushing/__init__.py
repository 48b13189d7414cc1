"""Users are told of events where they asked to be: push gateways hear what concerns them."""
