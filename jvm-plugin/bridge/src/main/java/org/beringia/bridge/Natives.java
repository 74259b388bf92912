package org.beringia.bridge;

/**
 * The native methods, and nothing else. Each throws {@link org.beringia.BeringiaException}; the contract of
 * each is in {@code docs/jvm-boundary.md}. Callers go through {@link Runtime} and {@link Job}, which see to it
 * that the library is loaded.
 */
final class Natives {
    private Natives() {}

    static native long open(String conf);

    static native void expect(long runtime, String spec);

    static native long openJob(long runtime, String spec, byte[] function, long inputSchema, long outputSchema);

    static native void close(long handle);

    static native long allocate(long job, long bytes);

    static native void submit(long job, long array);

    static native boolean hasRoom(long job);

    static native int next(long job, long timeoutMillis, long array, long stats, byte[][] aside);

    static native void release(long array);

    static native int[] order(long schema, long array, byte[] directions);

    static native String metrics(long runtime);

    static native String[] drain(long timeoutMillis, int logLevel);
}
