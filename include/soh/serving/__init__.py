"""Serving layer: grades out of Kafka into the time-series database, and out of it for people."""
