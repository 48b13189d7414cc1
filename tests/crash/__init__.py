"""A server is killed, and fed what is broken; the long forms are scripts/crash and scripts/fuzz."""
