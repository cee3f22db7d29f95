"""Everything of this project that knows Airflow."""
