package org.beringia.bridge;

import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import sun.misc.Unsafe;

/** Reads and writes memory by address. The one place of the bridge that touches {@code Unsafe}. */
final class RawMemory {
    private static final Unsafe UNSAFE = unsafe();

    private RawMemory() {}

    private static Unsafe unsafe() {
        try {
            Field field = Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            return (Unsafe) field.get(null);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** A block of zeros, aligned for any field of the structs; to be given to {@link #free}. */
    static long allocateZeroed(long bytes) {
        long address = UNSAFE.allocateMemory(bytes);
        UNSAFE.setMemory(address, bytes, (byte) 0);
        return address;
    }

    static void free(long address) {
        UNSAFE.freeMemory(address);
    }

    static long getLong(long address) {
        return UNSAFE.getLong(address);
    }

    static void putLong(long address, long value) {
        UNSAFE.putLong(address, value);
    }

    static void putInt(long address, int value) {
        UNSAFE.putInt(address, value);
    }

    static int getInt(long address) {
        return UNSAFE.getInt(address);
    }

    /** Writes {@code text} as UTF-8 with a closing zero byte; returns the address after it. */
    static long putCString(long address, String text) {
        long end = put(address, text.getBytes(StandardCharsets.UTF_8));
        UNSAFE.putByte(end, (byte) 0);
        return end + 1;
    }

    /** Writes the number of bytes that {@code text} has in UTF-8, and these; returns the address after them. */
    static long putSized(long address, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        putInt(address, bytes.length);
        return put(address + Integer.BYTES, bytes);
    }

    private static long put(long address, byte[] bytes) {
        for (byte b : bytes) {
            UNSAFE.putByte(address++, b);
        }
        return address;
    }

    static String getCString(long address) {
        int length = 0;
        while (UNSAFE.getByte(address + length) != 0) {
            length++;
        }
        return getText(address, length);
    }

    /** The {@code length} bytes at {@code address}, which are UTF-8. */
    static String getText(long address, int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = UNSAFE.getByte(address + i);
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
