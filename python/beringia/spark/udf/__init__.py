"""Functions that were given to PySpark (``applyInPandas``), run by Beringia's workers as PySpark's worker runs them.

This is the workers' side, and imports nothing of the driver's.
"""

import os

import pyspark

if not pyspark.__version__.startswith("3."):
    # As Spark 4 tells its own workers; some modules of PySpark's refuse another process in its tests.
    os.environ["SPARK_PYTHON_RUNTIME"] = "PYTHON_WORKER"
