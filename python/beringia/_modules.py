"""Modules of the user's own that are edited while processes live.

The driver says with each function which state of its modules the function refers to, so that one whose modules changed
is another function. A worker, before it loads a function that it does not know, forgets its modules if one of them has
changed on its disk, or is found elsewhere by now. Modules that are installed, and those of C, stay.
"""

from __future__ import annotations

import functools
import linecache
import os
import site
import sys
import sysconfig
import time
from collections.abc import Iterable, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from zipimport import zipimporter

_INSTALLED = tuple(
    os.path.join(place, "")  # noqa: PTH118 (prefixes of names)
    for place in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
    }
)

_STANDARD = sysconfig.get_path("stdlib")
_STANDARD_ZIP = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"

_Stamp = tuple[str, int, int]
Stamps = list[tuple[str, "_Stamp | None"]]
"""Modules by name, each with its path, time and size."""

_known: dict[str, _Stamp | None] = {}
_archives: dict[str, tuple[int, int] | None] = {}
_looked: int | None = None  # when, by the clock that files have; None in a process that is no worker


def stamps(names: Iterable[str]) -> Stamps:
    """List the user's modules among `names`, and those that they refer to."""
    found: dict[str, _Stamp | None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        if name in found or module is None or not _is_own(name, module):
            continue
        found[name] = _stamp(module)
        waiting.extend(_home(value) for value in list(vars(module).values()))
    return sorted(found.items())


def are_as_before(modules: Stamps) -> bool:
    """Tell whether modules are on disk what they were."""
    return all(name in sys.modules and _stamp(sys.modules[name]) == stamp for name, stamp in modules)


def watch() -> None:
    """Begin, in a worker: from now on :func:`refresh` forgets what changes."""
    global _looked
    _looked = time.time_ns()


def search(paths: Sequence[str]) -> None:
    """Find modules on `paths`, in this order, before installed ones and after those of the standard library.

    In a worker, the user's modules are forgotten if one of them is found elsewhere than before.
    """
    before = list(sys.path)
    sys.path[:] = dict.fromkeys([*filter(_is_standard, before), *paths, *before])
    if sys.path != before and _looked is not None:
        look_again()
        own = {name: module for name, module in list(sys.modules.items()) if _is_own(name, module)}
        if any(_is_elsewhere(name, module) for name, module in own.items() if "." not in name):
            _forget(own)


def look_again() -> None:
    """Let imports find what came since the last task, as ``importlib.invalidate_caches`` does.

    That reads the index of each archive, of which PySpark itself is one: here only of those that changed.
    """
    state_of = functools.cache(_state)  # an archive has a finder for each package in it
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            if _archives.get(path) != (state := state_of(finder.archive)):
                _archives[path] = state
                finder.invalidate_caches()
        elif finder is None:  # there was nothing
            del sys.path_importer_cache[path]
        elif hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()


def refresh() -> None:
    """Forget the user's modules if one of them is another on disk than the one that was imported."""
    global _looked
    if _looked is None:
        return
    own = {name: module for name, module in list(sys.modules.items()) if _is_own(name, module)}
    now = {name: _stamp(module) for name, module in own.items()}
    if any(_has_changed(name, stamp, _looked) for name, stamp in now.items()):
        _forget(own)
        now.clear()
    _known.clear()
    _known.update(now)
    _looked = time.time_ns()


def _forget(names: Iterable[str]) -> None:
    for name in names:
        del sys.modules[name]
    look_again()
    linecache.checkcache()


def _state(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 (before each call of a function of the user's modules: half as long)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _is_standard(entry: str) -> bool:
    path = Path(entry)
    return path.name == _STANDARD_ZIP or (path.is_relative_to(_STANDARD) and not path.name.endswith("-packages"))


def _is_elsewhere(name: str, module: ModuleType) -> bool:
    found = PathFinder.find_spec(name)
    return found is not None and found.origin is not None and found.origin != getattr(module, "__file__", None)


def _home(value: Any) -> str:
    """Name the module of a value, without touching what only looks like one."""
    if isinstance(value, ModuleType):
        return value.__name__
    return str(value.__module__ if isinstance(value, (type, FunctionType)) else type(value).__module__)


def _has_changed(name: str, stamp: _Stamp | None, looked: int) -> bool:
    if stamp is None:  # the file is gone: what was imported is all there is
        return False
    if name in _known:
        return _known[name] != stamp
    return stamp[1] > looked  # imported since the last look, perhaps before it was written


def _is_own(name: str, module: object) -> bool:
    if name == "__main__" or name.partition(".")[0] == "beringia" or not isinstance(module, ModuleType):
        return False
    place = _place(module)
    return place is not None and not place.startswith(_INSTALLED) and not place.endswith(tuple(EXTENSION_SUFFIXES))


def _place(module: ModuleType) -> str | None:
    """Return a module's file; the directory of a package without one."""
    known = vars(module)  # an attribute of one that loads lazily would load it
    file = known.get("__file__")
    if file is None:
        file = next(iter(known.get("__path__") or ()), None)
    return file if isinstance(file, str) else None


def _stamp(module: ModuleType) -> _Stamp | None:
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    file = getattr(loader, "archive", None) or getattr(module, "__file__", None)
    if not isinstance(file, str):
        return None
    state = _state(file)
    return state and (file, *state)
