"""Long work in the background, in small steps: it survives a crash, can be watched and ended, and lets others by."""
