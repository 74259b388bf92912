package org.beringia.bridge;

import java.util.concurrent.atomic.AtomicLong;

/**
 * A handle of the native side. Closing is atomic and happens once; use after it throws. Whoever closes must
 * not need to know whether another thread is inside a native: the native side holds what is in use.
 */
abstract class NativeHandle implements AutoCloseable {
    private static final long CLOSED = 0;

    private final AtomicLong handle;

    NativeHandle(long handle) {
        if (handle == CLOSED) {
            throw new IllegalStateException("the native side returned no handle for " + getClass().getSimpleName());
        }
        this.handle = new AtomicLong(handle);
    }

    /** The handle, to be passed to a native at once. */
    final long handle() {
        long value = handle.get();
        if (value == CLOSED) {
            throw new IllegalStateException(getClass().getSimpleName() + " is closed");
        }
        return value;
    }

    @Override
    public final void close() {
        long value = handle.getAndSet(CLOSED);
        if (value != CLOSED) {
            free(value);
        }
    }

    /** Frees a handle that is not closed; called once. */
    abstract void free(long handle);
}
