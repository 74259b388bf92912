"""Measurements on a real Spark, and the report of them: ``make bench``."""
