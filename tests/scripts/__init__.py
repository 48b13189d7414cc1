"""Of the command, and of what developers run."""
