"""Where the application is mounted, below Airflow's own address."""

PREFIX = "/settlement"
