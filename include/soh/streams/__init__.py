"""Streams on YARN: their checkpoints, the verdict on them, and how their apps are launched and stopped."""
