package org.beringia.bridge;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.beringia.BeringiaException;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public class NativeLibraryTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    @Test
    public void platformsHaveOneNameEach() {
        assertEquals("linux-x86_64", NativePlatform.name("Linux", "amd64"));
        assertEquals("linux-aarch64", NativePlatform.name("Linux", "aarch64"));
        assertEquals("macos-aarch64", NativePlatform.name("Mac OS X", "arm64"));
        assertEquals("macos-aarch64", NativePlatform.name("Mac OS X", "aarch64"));
    }

    @Test
    public void extractionLeavesTheWholeFileAndNoPart() throws Exception {
        byte[] content = {1, 2, 3};
        Path file = NativeLibrary.extract(content, folder.getRoot().toPath());
        assertArrayEquals(content, Files.readAllBytes(file));
        try (Stream<Path> files = Files.list(folder.getRoot().toPath())) {
            assertEquals(1, files.count());
        }
    }

    @Test
    public void aPartThatIsThereIsNotTouched() throws Exception {
        Path part = folder.getRoot().toPath().resolve(System.mapLibraryName("beringia_jni") + ".part");
        Files.write(part, new byte[] {9});
        assertThrows(
            FileAlreadyExistsException.class,
            () -> NativeLibrary.extract(new byte[] {1}, folder.getRoot().toPath()));
        assertArrayEquals(new byte[] {9}, Files.readAllBytes(part));
    }

    @Test
    public void aLibraryThatEverybodyMayReplaceIsRefused() throws Exception {
        Path file = folder.newFile("library.so").toPath();
        NativeLibrary.checkNobodyElseWrites(file);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xrwx"));
        assertThrows(BeringiaException.class, () -> NativeLibrary.checkNobodyElseWrites(file));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(folder.getRoot().toPath(), PosixFilePermissions.fromString("rwxrwxrwx"));
        BeringiaException error =
            assertThrows(BeringiaException.class, () -> NativeLibrary.checkNobodyElseWrites(file));
        assertTrue(error.getMessage(), error.getMessage().contains("every user may write to " + folder.getRoot()));
    }
}
