"""The benchmarks, one a module; `measure(run)` yields what it found."""
