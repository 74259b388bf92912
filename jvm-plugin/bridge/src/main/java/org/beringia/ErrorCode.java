package org.beringia;

/**
 * What went wrong, by number: the same list as {@code ErrorCode} in Rust and the exceptions of
 * {@code beringia.errors}. A number, once given, stays.
 */
public enum ErrorCode {
    /** The function raised an exception. */
    FUNCTION_RAISED(1),
    /** The function's result does not fit the declared schema. */
    RESULT_MISMATCH(2),
    /** A missing value in a column that cannot show it. */
    MISSING_VALUE(3),
    /** The worker process ended while it computed. */
    WORKER_DIED(4),
    /** A call took longer than allowed. */
    TIMEOUT(5),
    /** A group is larger than allowed. */
    TOO_LARGE(6),
    /** Memory, descriptors, processes or another resource ran out. */
    RESOURCE(7),
    /** A setting is wrong or missing. */
    CONFIG(8),
    /** The Python interpreter cannot be used. */
    INTERPRETER(9),
    /** One side broke the rules of the boundary. */
    PROTOCOL(10),
    /** A call refused before anything ran. */
    ARGUMENT(11),
    /** The task was cancelled. */
    CANCELLED(12),
    /** A defect of Beringia. */
    INTERNAL(13);

    private final int number;

    ErrorCode(int number) {
        this.number = number;
    }

    /** The pinned number, as it crosses between languages. */
    public int number() {
        return number;
    }

    /** The code of a number; one that is not known is a defect, hence {@link #INTERNAL}. */
    public static ErrorCode of(int number) {
        for (ErrorCode code : values()) {
            if (code.number == number) {
                return code;
            }
        }
        return INTERNAL;
    }
}
