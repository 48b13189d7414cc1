"""Policy servers, and the policy lists that this server's administrators subscribe to."""
