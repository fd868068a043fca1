"""Folding what lands on S3 into the lake: what is to be done, and the landing itself. Goes to YARN with the apps."""
