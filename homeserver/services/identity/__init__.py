"""Identity servers: what they know of addresses, and invites of people who are known by an address alone."""
