"""Seeded business days with faults and crashes, the promises checked after every step.

A world is a partner, its ledger, its trades and the sandbox over some days, all of it drawn from
one seed. `python -m simulation --seed 17` replays the world of a seed.
"""
