"""`make demo`: several business days, and everything that goes wrong with them, in one story."""
