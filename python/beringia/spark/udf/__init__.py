"""Functions that were given to PySpark (``applyInPandas``), run by Beringia's workers as PySpark's worker runs them.

This is the workers' side, and imports nothing of the driver's.
"""
