"""`make up`: a real Airflow, the sandbox and a seeded warehouse on this machine."""
