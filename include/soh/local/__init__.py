"""The real servers without Docker: set up, started and stopped by `./soh` and by the integration tests."""
