//! What a front calls a setting: the one thing of a front that messages of the core have to say.
//!
//! A process has one front, which says it once, before it makes a runtime; its workers are told. Until then, names are
//! written as they are.

use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};

/// How a front writes the name of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spelling {
    /// After a prefix: `engine.segment.maxBytes`.
    Prefix(String),
    /// As an argument of a function: `Pool(segment_max_bytes=…)`.
    Call(String),
}

static SPELLING: RwLock<Spelling> = RwLock::new(Spelling::Prefix(String::new()));

impl Spelling {
    /// The one of this process.
    pub fn current() -> Spelling {
        SPELLING.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes it the one of this process.
    pub fn choose(self) {
        *SPELLING.write().unwrap_or_else(PoisonError::into_inner) = self;
    }

    /// Whether `written` stands for the setting `name`.
    pub fn is(&self, written: &str, name: &str) -> bool {
        match self {
            Spelling::Prefix(prefix) => written.strip_prefix(prefix.as_str()) == Some(name),
            // With capitals too, as in `segment_maxBytes`: where there is a prefix, they are the only way.
            Spelling::Call(_) => snake_case(written) == snake_case(name),
        }
    }

    fn write(&self, name: &str) -> String {
        match self {
            Spelling::Prefix(prefix) => format!("{prefix}{name}"),
            Spelling::Call(function) => format!("{function}({}=…)", snake_case(name)),
        }
    }

    fn assign(&self, name: &str, value: &str) -> String {
        match self {
            Spelling::Prefix(prefix) => format!("{prefix}{name}={value}"),
            Spelling::Call(function) => format!("{function}({}=\"{value}\")", snake_case(name)),
        }
    }
}

/// What the user calls the setting `name`.
pub fn spell(name: &str) -> String {
    Spelling::current().write(name)
}

/// How the user gives the setting `name` a value.
pub fn assigned(name: &str, value: &str) -> String {
    Spelling::current().assign(name, value)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        match letter {
            '.' => snake.push('_'),
            letter if letter.is_ascii_uppercase() => {
                snake.push('_');
                snake.push(letter.to_ascii_lowercase());
            }
            letter => snake.push(letter),
        }
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_front_reads_what_it_writes_and_nothing_else() {
        let engine = Spelling::Prefix("engine.".to_owned());
        assert_eq!(engine.write("segment.maxBytes"), "engine.segment.maxBytes");
        assert_eq!(engine.assign("segment.backend", "posix"), "engine.segment.backend=posix");
        assert!(engine.is("engine.segment.maxBytes", "segment.maxBytes"));
        assert!(!engine.is("segment.maxBytes", "segment.maxBytes"));
        assert!(!engine.is("engine.segment.maxbytes", "segment.maxBytes"));

        let call = Spelling::Call("Pool".to_owned());
        assert_eq!(call.write("segment.maxBytes"), "Pool(segment_max_bytes=…)");
        assert_eq!(call.assign("segment.backend", "posix"), "Pool(segment_backend=\"posix\")");
        for written in ["segment_max_bytes", "segment_maxBytes"] {
            assert!(call.is(written, "segment.maxBytes"));
        }
        assert!(!call.is("segment_maximum", "segment.maxBytes"));
    }
}
