package org.beringia.bridge;

/** The order of rows by their columns, found natively. */
public final class RowOrder {
    private static final int DESCENDING = 1;
    private static final int NULLS_FIRST = 2;

    private RowOrder() {}

    /** How a column is ordered. */
    public static byte direction(boolean descending, boolean nullsFirst) {
        return (byte) ((descending ? DESCENDING : 0) | (nullsFirst ? NULLS_FIRST : 0));
    }

    /**
     * The numbers of the rows in the order of the columns, ties as they came; null where the rows lie in it. Floats
     * are numbers: all NaN are one, above all others, and -0.0 is 0.0.
     *
     * @param type a struct of the columns
     * @param rows read during the call only
     * @param directions of each column
     */
    public static int[] of(ArrowField type, ArrowArrayStruct rows, byte[] directions) {
        NativeLibrary.load();
        try (ArrowSchemaStruct schema = new ArrowSchemaStruct(type)) {
            return Natives.order(schema.address(), rows.address(), directions);
        }
    }
}
