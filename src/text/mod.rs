//! One lexer and one set of value parsers for configuration files, helper commands and filters.
//!
//! A statement in a file and a command line both become a slice of [`Token`]s, which parsers read with a [`Cursor`].
//! Every token keeps its position, so that errors can show it. nom is only used in [`value`], where single words
//! become values.

pub mod cursor;
pub mod error;
pub mod span;
pub mod value;

pub use cursor::{Cursor, Token, tokenize};
pub use error::{SyntaxError, near_miss};
pub use span::Span;
