//! Prints `docs/configuration.md` with the settings as they are: they follow the head of its table.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md"))?;
    let (text, _) = page.rsplit_once("|---|---|---|---|\n").ok_or(io::ErrorKind::InvalidData)?;
    write!(io::stdout(), "{text}|---|---|---|---|\n{}", beringia_core::config::table())
}
