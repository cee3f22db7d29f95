"""What evidence makes of a slot's state, and what is still owed because of it."""
