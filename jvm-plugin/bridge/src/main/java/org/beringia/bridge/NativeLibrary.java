package org.beringia.bridge;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.beringia.BeringiaException;
import org.beringia.ErrorCode;

/**
 * Finds the native library and loads it, once per JVM. A failure is kept, and every later call throws it again.
 *
 * <p>The system property {@code beringia.native.path} names a file to load as it is, unless everybody may write to
 * it or to its directory. Otherwise the copy for this
 * platform in the jar is written to a directory that only this user may enter, checked, loaded, and removed:
 * the loaded image stays, the file does not outlive the call.
 */
public final class NativeLibrary {
    /** System property: the library's file, instead of the one in the jar. */
    public static final String PATH_PROPERTY = "beringia.native.path";

    private static final String NAME = System.mapLibraryName("beringia_jni");

    private static final int OTHERS_WRITE = 0002;
    private static final int STICKY = 01000;

    private static boolean loaded;
    private static BeringiaException failure;

    private NativeLibrary() {}

    /** Loads the library unless it is loaded. */
    public static synchronized void load() {
        if (loaded) {
            return;
        }
        if (failure != null) {
            throw again(failure);
        }
        try {
            String path = System.getProperty(PATH_PROPERTY);
            if (path != null) {
                Path file = Paths.get(path).toRealPath();
                checkNobodyElseWrites(file);
                System.load(file.toString());
            } else {
                loadResource();
            }
            loaded = true;
        } catch (BeringiaException e) {
            failure = e;
            throw e;
        } catch (Throwable e) {
            failure = new BeringiaException(
                ErrorCode.RESOURCE, "Beringia's native library cannot be loaded: " + e.getMessage(), e);
            throw failure;
        }
    }

    /** A new exception for each caller: a shared one would collect the suppressed ones of all. */
    private static BeringiaException again(BeringiaException first) {
        return new BeringiaException(first.getErrorCode(), first.getMessage(), first);
    }

    private static void loadResource() throws IOException {
        String resource = "/org/beringia/native/" + NativePlatform.current() + "/" + NAME;
        byte[] content;
        try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new BeringiaException(
                    ErrorCode.RESOURCE,
                    "Beringia has no native library for " + NativePlatform.current() + ": " + resource
                        + " is not in the jar. The system property " + PATH_PROPERTY + " can name a library file.");
            }
            content = in.readAllBytes();
        }
        // Created for this user alone (0700).
        Path directory = Files.createTempDirectory("beringia-");
        try {
            Path file = extract(content, directory);
            System.load(file.toString());
        } finally {
            remove(directory);
        }
    }

    /** Writes {@code content} under its final name only when all of it is there and reads back the same. */
    static Path extract(byte[] content, Path directory) throws IOException {
        Path part = directory.resolve(NAME + ".part");
        Files.write(part, content, StandardOpenOption.CREATE_NEW);
        if (!Arrays.equals(content, Files.readAllBytes(part))) {
            throw new BeringiaException(
                ErrorCode.RESOURCE, "the native library written to " + part + " does not read back as written");
        }
        return Files.move(part, directory.resolve(NAME), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Refuses a file that every user of this machine could replace. */
    static void checkNobodyElseWrites(Path file) throws IOException {
        refuseIf((mode(file) & OTHERS_WRITE) != 0, file);
        // In a sticky directory, such as /tmp, only its owner can replace a file.
        for (Path directory = file.getParent(); directory != null; directory = directory.getParent()) {
            refuseIf((mode(directory) & (OTHERS_WRITE | STICKY)) == OTHERS_WRITE, directory);
        }
    }

    private static void refuseIf(boolean writable, Path path) {
        if (writable) {
            throw new BeringiaException(
                ErrorCode.RESOURCE,
                "Beringia's native library is not loaded, since every user may write to " + path
                    + ": run chmod o-w on it, or put the library elsewhere");
        }
    }

    private static int mode(Path path) throws IOException {
        return (Integer) Files.getAttribute(path, "unix:mode");
    }

    private static void remove(Path directory) throws IOException {
        Files.deleteIfExists(directory.resolve(NAME + ".part"));
        Files.deleteIfExists(directory.resolve(NAME));
        Files.deleteIfExists(directory);
    }
}
