//! One lexer and one set of value parsers for configuration files, helper commands and filters.
//!
//! A statement of a file and a command line both become a slice of [`Token`]s, which the grammars walk with a
//! [`Cursor`]; every token remembers where it stood, so that each error can show its place. nom is confined to
//! [`value`], where single words become values.

pub mod cursor;
pub mod error;
pub mod value;

pub use cursor::{Cursor, Span, Token, tokenize};
pub use error::{SyntaxError, near_miss};
