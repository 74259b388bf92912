package org.beringia;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.HashSet;
import java.util.Set;
import org.junit.Test;

public class BeringiaExceptionTest {
    @Test
    public void travelsFromExecutorToDriverWhole() throws Exception {
        BeringiaException sent = new BeringiaException(1, "f raised", "k=1", "Traceback ...", "f");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(sent);
        }
        BeringiaException received;
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            received = (BeringiaException) in.readObject();
        }
        assertEquals(ErrorCode.FUNCTION_RAISED, received.getErrorCode());
        assertEquals("f raised", received.getMessage());
        assertEquals("k=1", received.getGroup());
        assertEquals("Traceback ...", received.getTraceback());
        assertEquals("f", received.getFunction());
    }

    @Test
    public void codesArePinnedAndDistinct() {
        Set<Integer> numbers = new HashSet<>();
        for (ErrorCode code : ErrorCode.values()) {
            numbers.add(code.number());
            assertEquals(code, ErrorCode.of(code.number()));
            assertEquals(code.ordinal() + 1, code.number());
        }
        assertEquals(13, numbers.size());
        assertEquals(ErrorCode.INTERNAL, ErrorCode.of(99));
        assertNull(new BeringiaException(ErrorCode.CONFIG, "wrong").getGroup());
    }
}
