"""Facility state-of-health streaming, run by Airflow: the library behind Dags, Spark apps and `./soh`."""
