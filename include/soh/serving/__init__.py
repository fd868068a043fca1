"""Serving layer: grades out of Kafka into the time-series database and onto S3, and out of the database for people."""
