package org.beringia.bridge;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * An {@code ArrowSchema} of the C Data Interface, written off-heap in one block: the structs, their child
 * pointers, their strings and metadata. The release callback stays null: the memory is ours, until {@link #close}.
 */
public final class ArrowSchemaStruct implements AutoCloseable {
    static final int FORMAT = 0;
    static final int NAME = 8;
    static final int METADATA = 16;
    static final int FLAGS = 24;
    static final int N_CHILDREN = 32;
    static final int CHILDREN = 40;
    static final int DICTIONARY = 48;
    static final int RELEASE = 56;
    static final int PRIVATE_DATA = 64;
    static final int SIZE = 72;

    static final long FLAG_NULLABLE = 2;

    private long block;

    public ArrowSchemaStruct(ArrowField root) {
        block = RawMemory.allocateZeroed(structBytes(root) + stringBytes(root));
        new Layout(block, block + structBytes(root)).write(root);
    }

    public long address() {
        if (block == 0) {
            throw new IllegalStateException("ArrowSchemaStruct is closed");
        }
        return block;
    }

    @Override
    public void close() {
        if (block != 0) {
            RawMemory.free(block);
            block = 0;
        }
    }

    private static long structBytes(ArrowField field) {
        long bytes = SIZE + (long) Long.BYTES * field.children().size();
        for (ArrowField child : field.children()) {
            bytes += structBytes(child);
        }
        return bytes;
    }

    private static long stringBytes(ArrowField field) {
        long bytes = cStringBytes(field.format()) + cStringBytes(field.name()) + metadataBytes(field.metadata());
        for (ArrowField child : field.children()) {
            bytes += stringBytes(child);
        }
        return bytes;
    }

    private static long metadataBytes(Map<String, String> metadata) {
        long bytes = metadata.isEmpty() ? 0 : Integer.BYTES;
        for (Map.Entry<String, String> entry : metadata.entrySet()) {
            bytes += 2 * Integer.BYTES + utf8Bytes(entry.getKey()) + utf8Bytes(entry.getValue());
        }
        return bytes;
    }

    private static long cStringBytes(String text) {
        return utf8Bytes(text) + 1;
    }

    private static long utf8Bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** Where the next struct and the next string go. */
    private static final class Layout {
        private long structs;
        private long strings;

        Layout(long structs, long strings) {
            this.structs = structs;
            this.strings = strings;
        }

        long write(ArrowField field) {
            long struct = structs;
            long pointers = struct + SIZE;
            int count = field.children().size();
            structs = pointers + (long) Long.BYTES * count;
            RawMemory.putLong(struct + FORMAT, string(field.format()));
            RawMemory.putLong(struct + NAME, string(field.name()));
            RawMemory.putLong(struct + METADATA, metadata(field.metadata()));
            RawMemory.putLong(struct + FLAGS, FLAG_NULLABLE);
            RawMemory.putLong(struct + N_CHILDREN, count);
            RawMemory.putLong(struct + CHILDREN, count == 0 ? 0 : pointers);
            for (int i = 0; i < count; i++) {
                RawMemory.putLong(pointers + (long) Long.BYTES * i, write(field.children().get(i)));
            }
            return struct;
        }

        /** How many pairs there are, then each one's key and value, after their lengths. No pairs, no address. */
        private long metadata(Map<String, String> pairs) {
            if (pairs.isEmpty()) {
                return 0;
            }
            long address = strings;
            RawMemory.putInt(strings, pairs.size());
            strings += Integer.BYTES;
            for (Map.Entry<String, String> pair : pairs.entrySet()) {
                strings = RawMemory.putSized(strings, pair.getKey());
                strings = RawMemory.putSized(strings, pair.getValue());
            }
            return address;
        }

        private long string(String text) {
            long address = strings;
            strings = RawMemory.putCString(address, text);
            return address;
        }
    }
}
