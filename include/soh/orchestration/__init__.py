"""Everything that knows Airflow: operators, sensors, triggers, links, and what Dags have in common."""
