"""Mail: addresses, letters as they travel, what proves an address, and when digests are due."""
