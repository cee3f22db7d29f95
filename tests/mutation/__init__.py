"""The mutation check: the code is broken on purpose, one break at a time, and must be found out.

`PYTHONPATH=tests python -m mutation` copies the tree for each break; it never touches the working
tree.
"""
