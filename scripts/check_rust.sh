#!/bin/sh
# Says in one sentence what is missing to compile the Rust crates; silent if nothing is. With --pinned, to check them: the
# compiler is then the pinned one; --which prints that one.
set -u
pinned=$(sed -n 's/^rust = "\(.*\)"/\1/p' Cargo.toml)
if [ "${1:-}" = --which ]; then
    echo "$pinned"
    exit
fi
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if ! command -v cargo >/dev/null; then
    echo "The native library is built by cargo (Rust $wanted or newer), and none was found: see https://rustup.rs" >&2
    exit 1
fi
have=$(cargo --version | sed 's/^cargo \([0-9.]*\).*/\1/')
if [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" != "$wanted" ]; then
    echo "Beringia needs Rust $wanted or newer, and cargo is $have: rustup update" >&2
    exit 1
fi
if ! command -v cc >/dev/null; then
    echo "Rust needs a C linker, and there is no cc: on Debian or Ubuntu, apt-get install gcc libc6-dev" >&2
    exit 1
fi
if [ "${1:-}" = --pinned ] && [ "$have" != "$pinned" ]; then
    echo "The checks are made for Rust $pinned, and cargo is $have: rustup toolchain install $pinned, then" \
        "RUSTUP_TOOLCHAIN=$pinned make check" >&2
    exit 1
fi
