"""The domain of daily partner settlement. Imports no Airflow."""
