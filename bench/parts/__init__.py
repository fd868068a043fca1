"""What the benches share, and the steps that they are made of."""
