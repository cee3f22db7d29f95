"""A slot's state as a fold over evidence, and what is still owed because of it."""
