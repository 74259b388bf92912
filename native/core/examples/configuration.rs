//! Prints `docs/configuration.md`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(beringia_core::config::page().as_bytes())
}
