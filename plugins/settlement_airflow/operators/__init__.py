"""Operators: of the steps of a run, the watch, questions and forms; thin around the domain."""
