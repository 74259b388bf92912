package org.beringia.bridge;

/**
 * Room for one result: the {@code ArrowArray} that {@link Job#next} fills, and its statistics. Closing it
 * releases the array, if it was filled, and frees the room. Not for several threads at once.
 */
public final class JobResult implements AutoCloseable {
    private static final int STATS = 10;

    private final long block = RawMemory.allocateZeroed(ArrowArrayStruct.SIZE + STATS * Long.BYTES);
    final byte[][] aside = new byte[1][];
    private boolean filled;
    private boolean closed;

    /** Address of the result's {@code ArrowArray}, for {@link ArrowArrayStruct}'s accessors. */
    public long array() {
        if (closed) {
            throw new IllegalStateException("JobResult is closed");
        }
        return block;
    }

    long stats() {
        return array() + ArrowArrayStruct.SIZE;
    }

    void filled() {
        filled = true;
    }

    /** What was said beside the result, for whoever runs such functions; null where nothing was. */
    public byte[] aside() {
        return aside[0];
    }

    public long groups() {
        return stat(0);
    }

    public long rows() {
        return stat(1);
    }

    public long bytesIn() {
        return stat(2);
    }

    public long bytesOut() {
        return stat(3);
    }

    public long bytesCopied() {
        return stat(4);
    }

    public long bytesMoved() {
        return stat(5);
    }

    /** Nanoseconds in the worker. */
    public long workerNanos() {
        return stat(6);
    }

    /** Nanoseconds in the function, of those in the worker. */
    public long functionNanos() {
        return stat(7);
    }

    /** Nanoseconds in which results were written, of those in the worker. */
    public long writeNanos() {
        return stat(8);
    }

    /** Nanoseconds that the slowest group took. */
    public long slowestNanos() {
        return stat(9);
    }

    private long stat(int index) {
        return RawMemory.getLong(stats() + (long) index * Long.BYTES);
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        try {
            if (filled) {
                Natives.release(block);
            }
        } finally {
            closed = true;
            RawMemory.free(block);
        }
    }
}
