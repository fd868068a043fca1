"""The lake: which days are closed, and what its tables hold."""
