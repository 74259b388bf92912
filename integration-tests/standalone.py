"""A standalone cluster of Spark, of two hosts that are two addresses of this machine: real daemons, a core each."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

import jvm

SPARK_HOME = Path(pyspark.__file__).parent
HOSTS = ("127.0.0.2", "127.0.0.3")


@dataclass
class Cluster:
    """A cluster that runs: its master's URL, and the daemon of each host."""

    url: str
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)


@contextlib.contextmanager
def started(directory, hosts=HOSTS, settings=None):
    """Start a cluster, and end it.

    `hosts` may be a dict of the environment that each host has beside this process's: a ``PATH`` say. `settings` are
    Spark's, for the daemons.
    """
    environments = hosts if isinstance(hosts, dict) else {host: {} for host in hosts}
    options = " ".join([jvm.options(), *(f"-D{name}={value}" for name, value in (settings or {}).items())])

    with contextlib.ExitStack() as stack:

        def daemon(role, *arguments, **environment):
            log = directory / f"{role}-{len(list(directory.iterdir()))}.log"
            command = [SPARK_HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{role.lower()}.{role}", *arguments]
            settled = {**os.environ, "SPARK_HOME": str(SPARK_HOME), "SPARK_DAEMON_JAVA_OPTS": options, **environment}
            output = stack.enter_context(log.open("wb"))
            process = subprocess.Popen(command, env=settled, stdout=output, stderr=subprocess.STDOUT)
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process, log

        _, log = daemon("Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        cluster = Cluster(_url(log))
        arguments = ("--cores", "1", "--memory", "1g", "--webui-port", "0", "-d", directory / "work", cluster.url)
        for host, environment in environments.items():
            cluster.daemons[host], _ = daemon("Worker", "--host", host, *arguments, **environment)
        yield cluster


def _url(log, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := re.search(r"Starting Spark master at (spark://\S+)", log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return found[1]
