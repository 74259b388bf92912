"""What each Python that the tests start runs first.

A worker of PySpark invalidates the import system's caches before each task, and up to Python 3.12 that reads the
directory of each archive on its path again, of Spark's jar among them: the most of what a small task computes. No test
changes an archive while it is in use.
"""

import zipimport

zipimport.zipimporter.invalidate_caches = lambda self: None
