"""Airflow hooks of this project."""
