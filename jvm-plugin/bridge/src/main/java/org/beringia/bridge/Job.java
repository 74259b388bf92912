package org.beringia.bridge;

/**
 * A job of the native side: batches in, results out, in the order of submission. Any thread may call it, one
 * at a time; {@link #close} may come from another.
 */
public final class Job extends NativeHandle {
    Job(long handle) {
        super(handle);
    }

    /** Address of a shared segment of at least {@code bytes}, ours to write until the next {@link #submit}. */
    public long allocate(long bytes) {
        return Natives.allocate(handle(), bytes);
    }

    /** Hands over the batch at {@code array} and every segment allocated since the last one. */
    public void submit(ArrowArrayStruct array) {
        Natives.submit(handle(), array.address());
    }

    /** Whether another batch would keep a worker busy. */
    public boolean hasRoom() {
        return Natives.hasRoom(handle());
    }

    /** Waits for the next result; false when none came within the timeout, else {@code result} is filled. */
    public boolean next(long timeoutMillis, JobResult result) {
        boolean filled =
                Natives.next(handle(), timeoutMillis, result.array(), result.stats(), result.aside) != 0;
        if (filled) {
            result.filled();
        }
        return filled;
    }

    @Override
    void free(long handle) {
        Natives.close(handle);
    }
}
