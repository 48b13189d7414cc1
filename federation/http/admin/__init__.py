"""What administrators see of other servers."""
