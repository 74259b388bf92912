#!/bin/sh
# Prints the home of a JDK 17: Spark 4 wants one at least, and Spark 3.5 does not start on a newer one. (The classes are
# compiled for 11, on which Spark 3.5 runs too.)
# Looked at, in this order: JAVA_HOME, the usual places of this system, the `java` of the PATH.
set -u

major() { # of the JDK whose home is $1; nothing if there is none
    [ -x "$1/bin/javac" ] || return 0
    if [ -r "$1/release" ]; then
        sed -n 's/^JAVA_VERSION="\([0-9.]*\).*/\1/p' "$1/release"
    else
        "$1/bin/javac" -version 2>&1 | sed -n 's/^javac \([0-9.]*\).*/\1/p'
    fi | sed 's/^1\.//; s/\..*//'
}

candidates() {
    [ -n "${JAVA_HOME:-}" ] && echo "$JAVA_HOME"
    ls -d /usr/lib/jvm/* /usr/java/* /opt/java/* /opt/jdk* "${HOME:-/root}"/.sdkman/candidates/java/* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home \
        2>/dev/null
    java=$(command -v java) && dirname "$(dirname "$(readlink -f "$java" 2>/dev/null || echo "$java")")"
}

found=$(candidates)
IFS='
'
for home in $found; do
    if [ "$(major "$home")" = 17 ]; then
        echo "$home"
        exit 0
    fi
done
echo "Beringia needs a JDK 17 (with javac), and none was found: on Debian or Ubuntu," \
    "apt-get install openjdk-17-jdk-headless; elsewhere install one and set JAVA_HOME." >&2
exit 1
