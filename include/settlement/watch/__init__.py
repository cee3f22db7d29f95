"""What no run saw: findings from the ledger, the warehouse, the partner and Airflow's own word.

The watch reads. It writes nothing to the ledger and changes no state; a run does.
"""
