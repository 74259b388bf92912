package org.beringia.bridge;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries what the native side and the workers log to slf4j, under the logger names that they give. One daemon
 * thread per JVM: the native side never calls into the JVM, so somebody has to ask.
 */
final class LogPump {
    private static final long WAIT_MILLIS = 1000;
    private static final int EVENT = 3;
    private static final String WORKERS = "beringia.worker";

    private static Thread thread;

    private LogPump() {}

    /** Starts the thread, unless it runs. The library must be loaded. */
    static synchronized void start() {
        if (thread == null) {
            thread = new Thread(LogPump::run, "beringia-log");
            thread.setDaemon(true);
            thread.start();
        }
    }

    private static void run() {
        try {
            while (true) {
                deliver(Natives.drain(WAIT_MILLIS, level(LoggerFactory.getLogger(WORKERS))));
            }
        } catch (Throwable e) {
            // Nobody is there to see it thrown, and a pump that fails once would fail for ever.
            LoggerFactory.getLogger(LogPump.class).error("the native side's log is no longer read", e);
        }
    }

    /** The lowest level that {@code logger} takes, as a number of Python's {@code logging}. */
    static int level(Logger logger) {
        if (logger.isDebugEnabled()) {
            return 10;
        }
        if (logger.isInfoEnabled()) {
            return 20;
        }
        return logger.isWarnEnabled() ? 30 : 40;
    }

    /** Hands over events: level, logger, message, and so on. */
    private static void deliver(String[] events) {
        for (int i = 0; i + EVENT <= events.length; i += EVENT) {
            log(events[i], LoggerFactory.getLogger(events[i + 1]), events[i + 2]);
        }
    }

    private static void log(String level, Logger logger, String message) {
        switch (level) {
            case "ERROR":
                logger.error(message);
                break;
            case "WARN":
                logger.warn(message);
                break;
            case "INFO":
                logger.info(message);
                break;
            case "DEBUG":
                logger.debug(message);
                break;
            default:
                logger.trace(message);
        }
    }
}
