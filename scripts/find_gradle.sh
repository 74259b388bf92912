#!/bin/sh
# Prints a gradle: $GRADLE, or the one on the PATH (4.4 or newer). If there is none, installs Debian's, where that is
# possible without asking anybody; its messages go to stderr.
set -u
if gradle=$(command -v "${GRADLE:-gradle}"); then
    echo "$gradle"
    exit 0
fi
as_root=
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null && { [ -z "$as_root" ] || sudo -n true 2>/dev/null; }; then
    echo "gradle is missing: installing it with apt-get" >&2
    { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends gradle; } >&2
    if gradle=$(command -v gradle); then
        echo "$gradle"
        exit 0
    fi
fi
echo "The JVM plugin is built by Gradle (4.4 or newer), and none was found: install it" \
    "(apt-get install gradle, brew install gradle) or name one with make GRADLE=/path/to/gradle." >&2
exit 1
