"""What a server must live through: being killed under load, and every kind of bad input."""
