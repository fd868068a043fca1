"""The engine of a small day: columns in one process, committed through Iceberg's own interface in Java."""
