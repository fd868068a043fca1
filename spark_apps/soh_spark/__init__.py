"""What the Spark apps share: DataFrame in, DataFrame out; shipped with `--py-files`."""
