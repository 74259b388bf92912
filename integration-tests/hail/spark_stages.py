"""What Spark ran for a query of Hail's, and what it moved."""

import contextlib


@contextlib.contextmanager
def checked(hl):
    """Hail checks that every row lies in its partition, in the order of the keys."""
    switch = getattr(getattr(hl.spark_context()._jvm, "is").hail.rvd.RVD, "CheckRvdKeyOrderingForTesting_$eq")
    switch(True)
    try:
        yield
    finally:
        switch(False)


def shuffled(hl, since):
    """Bytes that Spark's shuffles have written in stages after the one of number `since`."""
    return sum(stage.shuffleWriteBytes() for stage in stages(hl) if stage.stageId() > since)


def newest_stage(hl):
    """The number of the last stage that Spark has run so far."""
    return max((stage.stageId() for stage in stages(hl)), default=-1)


def stages(hl):
    """Spark's stages, of which it remembers a thousand."""
    spark = hl.spark_context()._jsc.sc()
    spark.listenerBus().waitUntilEmpty()
    store = spark.statusStore()
    found = store.stageList(None, False, False, getattr(store, "stageList$default$4")(), None)
    return [found.apply(i) for i in range(found.size())]


def jobs(hl):
    """The jobs that Spark has run so far, by number, in their order: what became of each."""
    spark = hl.spark_context()._jsc.sc()
    spark.listenerBus().waitUntilEmpty()
    found = spark.statusStore().jobsList(None)
    listed = [found.apply(i) for i in range(found.size())]
    return {job.jobId(): str(job.status()) for job in sorted(listed, key=lambda job: job.jobId())}
