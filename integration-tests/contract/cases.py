"""All cases. Their functions travel by value: no worker has to import this package."""

from __future__ import annotations

import cloudpickle

from contract import arguments, array_likes, errors, grouping, options, results, windows

_THEMES = (arguments, results, array_likes, options, grouping, windows, errors)

for _theme in _THEMES:
    cloudpickle.register_pickle_by_value(_theme)

CASES = [case for theme in _THEMES for case in theme.CASES]
