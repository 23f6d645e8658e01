"""What is refused, and what is said about it: before the first step, at the first batch, and at a NaN in any other."""
