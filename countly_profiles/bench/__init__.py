"""Benchmarks: figures of this machine, beside a ceiling that was measured in the same run. They never fail on time.

A benchmark is a module in `measures` with a function `measure(run)` that yields `Figure`s. To add one, add a module.
"""
