package org.beringia.bridge;

import java.util.Locale;

/** The platform's name in resource paths, such as {@code linux-x86_64} or {@code macos-aarch64}. */
final class NativePlatform {
    private NativePlatform() {}

    static String current() {
        return name(System.getProperty("os.name"), System.getProperty("os.arch"));
    }

    static String name(String osName, String osArch) {
        String os = osName.toLowerCase(Locale.ROOT);
        String arch = osArch.toLowerCase(Locale.ROOT);
        return (os.startsWith("mac") ? "macos" : os) + "-" + normalised(arch);
    }

    private static String normalised(String arch) {
        switch (arch) {
            case "amd64":
                return "x86_64";
            case "arm64":
                return "aarch64";
            default:
                return arch;
        }
    }
}
