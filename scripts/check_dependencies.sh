#!/bin/sh
# Asserts that the layers are layers: the core and the grouping of tables reach neither the JVM nor Python, the core knows
# no engine and no way to call, and Arrow comes in parts.
set -u
for layer in beringia-core beringia-grouping; do
    tree=$(cargo tree --quiet --locked --package $layer --edges normal,build,dev --prefix none) || exit 1
    # The check must not pass on an empty answer.
    echo "$tree" | grep -q "^$layer " || { echo "cargo tree did not show $layer" >&2; exit 1; }
    for crate in jni pyo3 numpy arrow tokio; do
        if echo "$tree" | grep -q "^$crate v"; then
            echo "$layer depends on $crate: it may not (see docs/architecture.md)" >&2
            cargo tree --quiet --locked --package $layer --edges normal,build,dev --invert "$crate" >&2
            exit 1
        fi
    done
    echo "$layer depends on neither jni nor pyo3"
done

if named=$(grep -rniE 'numpy|pandas|spark|hail|udt' native/core/src); then
    echo "beringia-core names an engine or a way to call, which are for fronts and conventions to know:" >&2
    echo "$named" >&2
    exit 1
fi
echo "beringia-core names no engine and no way to call"
