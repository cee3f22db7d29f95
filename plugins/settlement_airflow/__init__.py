"""What of this project knows Airflow, but for the DAG files and the plugin's entry."""
