package org.beringia.bridge;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.Test;

public class NativeHandleTest {
    private static final class Counted extends NativeHandle {
        final AtomicInteger freed = new AtomicInteger();

        Counted(long handle) {
            super(handle);
        }

        @Override
        void free(long handle) {
            assertEquals(7, handle);
            freed.incrementAndGet();
        }
    }

    @Test
    public void isFreedOnceHoweverManyClose() throws Exception {
        Counted handle = new Counted(7);
        CountDownLatch start = new CountDownLatch(1);
        ExecutorService threads = Executors.newFixedThreadPool(4);
        for (int i = 0; i < 4; i++) {
            threads.submit(() -> {
                start.await();
                handle.close();
                return null;
            });
        }
        start.countDown();
        threads.shutdown();
        assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS));
        assertEquals(1, handle.freed.get());
        assertThrows(IllegalStateException.class, handle::handle);
    }

    @Test
    public void noHandleIsRefused() {
        assertThrows(IllegalStateException.class, () -> new Counted(0));
    }
}
