package org.beringia;

/**
 * The one exception of Beringia on the JVM. Its message is complete in itself; the code tells programs what
 * happened. The native side throws it too, by the constructor that takes a number.
 */
public final class BeringiaException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int code;
    private final String group;
    private final String traceback;
    private final String function;

    /** Called by the native side: keep the signature. All but the message may be null. */
    public BeringiaException(int code, String message, String group, String traceback, String function) {
        super(message);
        this.code = code;
        this.group = group;
        this.traceback = traceback;
        this.function = function;
    }

    public BeringiaException(ErrorCode code, String message) {
        this(code.number(), message, null, null, null);
    }

    public BeringiaException(ErrorCode code, String message, Throwable cause) {
        this(code.number(), message, null, null, null);
        initCause(cause);
    }

    /** The number of an {@link ErrorCode}. */
    public int getCode() {
        return code;
    }

    public ErrorCode getErrorCode() {
        return ErrorCode.of(code);
    }

    /** The key of the group at fault, or null. */
    public String getGroup() {
        return group;
    }

    /** The Python traceback, verbatim, or null. */
    public String getTraceback() {
        return traceback;
    }

    /** The name of the function that was being run, or null. */
    public String getFunction() {
        return function;
    }
}
