"""kill -9 everywhere: every moment of a run, for every answer of the partner, and the run after.

`make crash-matrix` writes docs/crash-matrix.md from the whole matrix; `make test` takes a sample.
"""
