"""Data of calls: they travel beside the pickle, whatever holds them, once; and what people call executors from."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

import beringia
from beringia import _call_pickle

ROWS = 50_000


@pytest.fixture(scope="module")
def executor():
    with beringia.Executor(2) as executor:
        yield executor


HOLDERS = {
    "an array": lambda x: x,
    "every other row": lambda x: np.repeat(x, 2)[::2],
    "columns": lambda x: np.asfortranarray(x.reshape(-1, 10)),
    "backwards": lambda x: x[::-1],
    "a table of Arrow": lambda x: pa.table({"x": x}),
    "a frame": lambda x: pd.DataFrame({"x": x, "y": x}),
    "a series": lambda x: pd.Series(x, name="x"),
    "a sparse matrix": lambda x: scipy.sparse.csr_matrix(x.reshape(-1, 10)),
    "within containers": lambda x: {"a": [x, (x + 1,)]},
}


def plain(value):
    """The same in lists."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if scipy.sparse.issparse(value):
        return value.toarray().tolist()
    return value.to_pydict() if isinstance(value, pa.Table) else np.asarray(value).tolist()


@pytest.mark.parametrize("holder", HOLDERS)
def test_data_travel_beside_the_pickle_and_come_back(executor, holder):
    value = HOLDERS[holder](np.arange(1.0, ROWS + 1))
    body, buffers = _call_pickle.dump_call(len, (value,), {})
    assert len(body) < 8192
    assert sum(buffer.nbytes for buffer in buffers) >= 8 * ROWS
    back = executor.submit(lambda given: given, value).result(timeout=30)
    assert type(back) is type(value) and plain(back) == plain(value)


def inode_of(x):
    """Which file of shared memory an array lies in, in this process."""
    address = x.ctypes.data
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, _, _, inode, *_ = line.split()
        start, end = (int(each, 16) for each in span.split("-"))
        if start <= address < end:
            return os.getpid(), int(inode)
    raise AssertionError("it lies nowhere")


def test_a_large_argument_of_many_calls_is_there_once(executor):
    x = np.ones(32 << 20, np.uint8)

    def where(x):
        before = inode_of(x)
        assert x[::4096].sum() == len(x) // 4096
        time.sleep(0.1)
        return before

    found = {call.result(timeout=60) for call in [executor.submit(where, x) for _ in range(8)]}
    assert len({process for process, _ in found}) == 2
    [inode] = {inode for _, inode in found}
    assert inode != 0


def test_asyncio_awaits_calls(executor):
    async def main():
        loop = asyncio.get_running_loop()
        powers = await asyncio.gather(*[loop.run_in_executor(executor, pow, 2, n) for n in range(20)])
        pid = await asyncio.wrap_future(executor.submit(os.getpid))
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(executor, divmod, 1, 0)
        return powers, pid

    powers, pid = asyncio.run(main())
    assert powers == [2**n for n in range(20)]
    assert pid != os.getpid()


def test_the_cells_of_a_notebook_share_names_with_calls_as_they_are_redefined():
    """By the interpreter that notebooks have: functions of `__main__`, whose cells come one after the other."""
    program = textwrap.dedent(
        """
        import code
        cells = [
            "import beringia",
            "def begin():\\n    global factor\\n    factor = 3\\n",
            "executor = beringia.Executor(1, initializer=begin)",
            "def scaled(x):\\n    return x * factor\\n",
            "first = executor.submit(scaled, 2).result(timeout=30)",
            "def scaled(x):\\n    return -x * factor\\n",
            "second = executor.submit(scaled, 2).result(timeout=30)",
            "later = 5",
            "third = executor.submit(lambda: later + factor).result(timeout=30)",
            "executor.shutdown()",
            "print(first, second, third)",
        ]
        import __main__
        console = code.InteractiveConsole(vars(__main__))
        for number, cell in enumerate(cells):
            console.runsource(cell, f"<cell {number}>", "exec")
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.split() == ["6", "-6", "8"], done.stderr
