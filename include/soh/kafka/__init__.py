"""Kafka: topics kept equal to their declarations, and where a topic and its readers stand."""
