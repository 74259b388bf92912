"""What a function got, as text: dtypes, shapes and values."""

import numpy as np


def seen(*values, **named):
    """Describe what came, as text."""

    def describe(value):
        if isinstance(value, np.ma.MaskedArray):
            return f"masked {value.dtype}{value.shape} {value.tolist()}"
        if isinstance(value, np.ndarray):
            inner = f"[{', '.join(map(describe, value))}]" if value.dtype == object else value.tolist()
            return f"{value.dtype}{value.shape} {inner}"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}: {describe(v)}" for k, v in value.items()) + "}"
        if isinstance(value, tuple):
            return "(" + ", ".join(map(describe, value)) + ")"
        if isinstance(value, np.generic):
            return f"{value.dtype} {value}"
        return repr(value)

    return "; ".join(map(describe, [*values, *named.values()]))
