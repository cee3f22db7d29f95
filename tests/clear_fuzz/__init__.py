"""Clears, marks, triggers and backfills by chance in a real Airflow, while the partner fails."""
