package org.beringia.bridge;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertThrows;

import java.nio.charset.StandardCharsets;
import org.junit.Test;

/** The structs against the layout that the Arrow specification gives, offset by offset. */
public class ArrowStructsTest {
    private static final ArrowField SCHEMA = ArrowField.struct(
        "",
        ArrowField.of("clé", "U"),
        ArrowField.list("x", ArrowField.list("whatever", ArrowField.of("inner", "g"))));

    @Test
    public void schemaIsLaidOutAsTheAbiWants() {
        try (ArrowSchemaStruct schema = new ArrowSchemaStruct(SCHEMA)) {
            long root = schema.address();
            assertEquals("+s", string(root));
            assertEquals("", string(root + 8));
            assertEquals("metadata", 0, RawMemory.getLong(root + 16));
            assertEquals("nullable", 2, RawMemory.getLong(root + 24));
            assertEquals(2, RawMemory.getLong(root + 32));
            assertEquals("dictionary", 0, RawMemory.getLong(root + 48));
            assertEquals("release", 0, RawMemory.getLong(root + 56));
            long children = RawMemory.getLong(root + 40);
            long key = RawMemory.getLong(children);
            assertEquals("U", string(key));
            assertEquals("clé", string(key + 8));
            assertEquals(0, RawMemory.getLong(key + 32));
            assertEquals(0, RawMemory.getLong(key + 40));
            long list = RawMemory.getLong(children + 8);
            assertEquals("+L", string(list));
            assertEquals("x", string(list + 8));
            long inner = RawMemory.getLong(RawMemory.getLong(list + 40));
            assertEquals("+L", string(inner));
            assertEquals("item", string(inner + 8));
            long values = RawMemory.getLong(RawMemory.getLong(inner + 40));
            assertEquals("g", string(values));
            assertEquals("item", string(values + 8));
        }
    }

    @Test
    public void metadataIsLaidOutAsTheAbiWants() {
        ArrowField call = ArrowField.of("c", "i").tagged("hail.call", "").named("renamed");
        ArrowField locus = ArrowField.struct("l").tagged("hail.locus", "{\"é\": 1}");
        try (ArrowSchemaStruct schema = new ArrowSchemaStruct(ArrowField.struct("", call, locus))) {
            long children = RawMemory.getLong(schema.address() + 40);
            assertEquals("name hail.call ", metadata(RawMemory.getLong(children)));
            assertEquals(
                "metadata {\"é\": 1} name hail.locus ", metadata(RawMemory.getLong(children + 8)));
        }
    }

    private static String metadata(long struct) {
        long at = RawMemory.getLong(struct + 16);
        int pairs = RawMemory.getInt(at);
        at += 4;
        StringBuilder found = new StringBuilder();
        for (int i = 0; i < 2 * pairs; i++) {
            String text = RawMemory.getText(at + 4, RawMemory.getInt(at));
            at += 4 + text.getBytes(StandardCharsets.UTF_8).length;
            found.append(text.replace("ARROW:extension:", "")).append(' ');
        }
        return found.toString();
    }

    @Test
    public void arrayIsLaidOutAsTheAbiWants() {
        try (ArrowArrayStruct array = new ArrowArrayStruct(SCHEMA)) {
            ArrowArrayStruct.Node list = array.root().child(1);
            array.root().setLength(3, 0);
            list.setLength(3, 1);
            list.setBuffer(1, 4096);
            array.root().child(0).setBuffer(2, 8192);
            long root = array.address();
            assertEquals(3, RawMemory.getLong(root));
            assertEquals("null_count", 0, RawMemory.getLong(root + 8));
            assertEquals("offset", 0, RawMemory.getLong(root + 16));
            assertEquals("n_buffers", 1, RawMemory.getLong(root + 24));
            assertEquals("n_children", 2, RawMemory.getLong(root + 32));
            assertNotEquals("buffers", 0, RawMemory.getLong(root + 40));
            assertEquals("release", 0, RawMemory.getLong(root + 64));
            long second = RawMemory.getLong(RawMemory.getLong(root + 48) + 8);
            assertEquals(second, list.address());
            assertEquals(1, RawMemory.getLong(second + 8));
            assertEquals(2, RawMemory.getLong(second + 24));
            assertEquals(4096, RawMemory.getLong(RawMemory.getLong(second + 40) + 8));
            assertEquals(3, RawMemory.getLong(array.root().child(0).address() + 24));
        }
    }

    @Test
    public void accessorsReadWhatTheBuilderWrote() {
        try (ArrowArrayStruct array = new ArrowArrayStruct(SCHEMA)) {
            ArrowArrayStruct.Node key = array.root().child(0);
            key.setLength(7, 2);
            key.setBuffer(2, 640);
            long root = array.address();
            long child = ArrowArrayStruct.child(root, 0);
            assertEquals(2, ArrowArrayStruct.children(root));
            assertEquals(7, ArrowArrayStruct.length(child));
            assertEquals(2, ArrowArrayStruct.nullCount(child));
            assertEquals(0, ArrowArrayStruct.offset(child));
            assertEquals(0, ArrowArrayStruct.buffer(child, 0));
            assertEquals(640, ArrowArrayStruct.buffer(child, 2));
            assertEquals(0, ArrowArrayStruct.dictionary(child));
            assertThrows(IndexOutOfBoundsException.class, () -> ArrowArrayStruct.buffer(child, 3));
            assertThrows(IndexOutOfBoundsException.class, () -> ArrowArrayStruct.child(child, 0));
        }
    }

    @Test
    public void useAfterCloseThrows() {
        ArrowArrayStruct array = new ArrowArrayStruct(SCHEMA);
        array.close();
        array.close();
        assertThrows(IllegalStateException.class, array::address);
        ArrowSchemaStruct schema = new ArrowSchemaStruct(SCHEMA);
        schema.close();
        schema.close();
        assertThrows(IllegalStateException.class, schema::address);
    }

    private static String string(long pointer) {
        return RawMemory.getCString(RawMemory.getLong(pointer));
    }
}
