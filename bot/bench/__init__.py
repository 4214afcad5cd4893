"""The benchmarks of `careloop bench`: real processes, a real database, every figure measured in the run that shows it."""
