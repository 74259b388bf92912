"""Spark Connect: ``numpy_map`` from a client that has no JVM, and needs nothing but this package."""
