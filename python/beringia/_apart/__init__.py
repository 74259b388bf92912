"""The worker's end where values cross taken apart, as they do through Spark's rows.

What Spark has no type for is put together before the function is called, and taken apart when it has returned. Only
plain Python and NumPy are needed for that.
"""
