package org.beringia.bridge;

/** An executor's runtime: its shared memory and its pool of workers. Close the jobs first. */
public final class Runtime extends NativeHandle {
    private Runtime(long handle) {
        super(handle);
    }

    /**
     * Loads the library and opens a runtime.
     *
     * @param conf JSON object of settings, string to string, by their full names
     */
    public static Runtime open(String conf) {
        NativeLibrary.load();
        LogPump.start();
        return new Runtime(Natives.open(conf));
    }

    /** What the runtime does and has done, as a JSON object. */
    public String metrics() {
        return Natives.metrics(handle());
    }

    /**
     * Has workers start for a job that is about to come.
     *
     * @param spec the job's JSON
     */
    public void expect(String spec) {
        Natives.expect(handle(), spec);
    }

    /**
     * Opens a job: one {@code numpy_map} within one task attempt.
     *
     * @param spec the job's JSON
     * @param function the pickled function, or nothing
     * @param input schema of the batches; read during the call only
     * @param output schema of the results; read during the call only
     */
    public Job openJob(String spec, byte[] function, ArrowField input, ArrowField output) {
        try (ArrowSchemaStruct in = new ArrowSchemaStruct(input);
                ArrowSchemaStruct out = new ArrowSchemaStruct(output)) {
            return new Job(Natives.openJob(handle(), spec, function, in.address(), out.address()));
        }
    }

    @Override
    void free(long handle) {
        Natives.close(handle);
    }
}
