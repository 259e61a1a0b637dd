"""Benchmarks; each module is run by itself, ``bench.gpu`` as a package."""
