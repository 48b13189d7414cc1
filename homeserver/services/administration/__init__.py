"""What administrators do: to accounts, tokens, reports and rooms; and what is written down of it."""
