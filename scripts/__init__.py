"""The folkmoot command and what a developer runs.  May import everything."""
