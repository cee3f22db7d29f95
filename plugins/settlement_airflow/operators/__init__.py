"""Operators: one a step of a run, each a thin wrapper around a function of the domain."""
