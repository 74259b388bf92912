package org.beringia.bridge;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * An {@code ArrowArray} of the C Data Interface. An instance is a tree of structs that we own, shaped by a
 * schema, in one off-heap block, and can be filled again for every batch: lengths and buffer addresses are all
 * that changes. The static accessors read any such struct by its address.
 */
public final class ArrowArrayStruct implements AutoCloseable {
    static final int LENGTH = 0;
    static final int NULL_COUNT = 8;
    static final int OFFSET = 16;
    static final int N_BUFFERS = 24;
    static final int N_CHILDREN = 32;
    static final int BUFFERS = 40;
    static final int CHILDREN = 48;
    static final int DICTIONARY = 56;
    static final int RELEASE = 64;
    static final int PRIVATE_DATA = 72;
    static final int SIZE = 80;

    private final Node root;
    private boolean closed;

    public ArrowArrayStruct(ArrowField schema) {
        root = new Node(schema, RawMemory.allocateZeroed(bytes(schema)));
    }

    /** The root's address, to be handed over. */
    public long address() {
        return root().address;
    }

    public Node root() {
        if (closed) {
            throw new IllegalStateException("ArrowArrayStruct is closed");
        }
        return root;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            RawMemory.free(root.address);
        }
    }

    private static long bytes(ArrowField field) {
        long bytes = SIZE + (long) Long.BYTES * (field.buffers() + field.children().size());
        for (ArrowField child : field.children()) {
            bytes += bytes(child);
        }
        return bytes;
    }

    /** One struct of the tree. */
    public static final class Node {
        private final long address;
        private final long buffers;
        private final List<Node> children;

        private Node(ArrowField field, long address) {
            this.address = address;
            this.buffers = address + SIZE;
            int count = field.children().size();
            long pointers = buffers + (long) Long.BYTES * field.buffers();
            long next = pointers + (long) Long.BYTES * count;
            RawMemory.putLong(address + N_BUFFERS, field.buffers());
            RawMemory.putLong(address + N_CHILDREN, count);
            RawMemory.putLong(address + BUFFERS, buffers);
            RawMemory.putLong(address + CHILDREN, count == 0 ? 0 : pointers);
            List<Node> nodes = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                ArrowField child = field.children().get(i);
                nodes.add(new Node(child, next));
                RawMemory.putLong(pointers + (long) Long.BYTES * i, next);
                next += bytes(child);
            }
            children = Collections.unmodifiableList(nodes);
        }

        public long address() {
            return address;
        }

        public Node child(int index) {
            return children.get(index);
        }

        /** Sets the array's length and its number of nulls. */
        public void setLength(long length, long nullCount) {
            // Again for every batch: whoever imported the last one may have taken the struct over.
            RawMemory.putLong(address + LENGTH, length);
            RawMemory.putLong(address + NULL_COUNT, nullCount);
            RawMemory.putLong(address + OFFSET, 0);
            RawMemory.putLong(address + RELEASE, 0);
            RawMemory.putLong(address + PRIVATE_DATA, 0);
        }

        /** Sets buffer {@code index}: 0 is the validity, which may be null (0). */
        public void setBuffer(int index, long buffer) {
            RawMemory.putLong(buffers + (long) Long.BYTES * index, buffer);
        }
    }

    public static long length(long array) {
        return RawMemory.getLong(array + LENGTH);
    }

    /** Number of nulls, or -1 where not counted. */
    public static long nullCount(long array) {
        return RawMemory.getLong(array + NULL_COUNT);
    }

    public static long offset(long array) {
        return RawMemory.getLong(array + OFFSET);
    }

    public static long children(long array) {
        return RawMemory.getLong(array + N_CHILDREN);
    }

    /** Address of buffer {@code index}; 0 where it is null. */
    public static long buffer(long array, int index) {
        long count = RawMemory.getLong(array + N_BUFFERS);
        if (index < 0 || index >= count) {
            throw new IndexOutOfBoundsException("buffer " + index + " of " + count);
        }
        return RawMemory.getLong(RawMemory.getLong(array + BUFFERS) + (long) Long.BYTES * index);
    }

    /** Address of child {@code index}. */
    public static long child(long array, int index) {
        long count = children(array);
        if (index < 0 || index >= count) {
            throw new IndexOutOfBoundsException("child " + index + " of " + count);
        }
        return RawMemory.getLong(RawMemory.getLong(array + CHILDREN) + (long) Long.BYTES * index);
    }

    /** Address of the dictionary's values, or 0. */
    public static long dictionary(long array) {
        return RawMemory.getLong(array + DICTIONARY);
    }
}
