//! JSON objects.

use crate::json::JsonWriter;

/// Members of one object, with the commas between them.
pub(super) struct Object<'w> {
    w: &'w mut JsonWriter,
    first: bool,
}

impl<'w> Object<'w> {
    pub(super) fn new(w: &'w mut JsonWriter) -> Self {
        w.raw("{ ");
        Self { w, first: true }
    }

    pub(super) fn key(&mut self, key: &str) -> &mut JsonWriter {
        if !std::mem::take(&mut self.first) {
            self.w.raw(", ");
        }
        self.w.key(key)
    }

    pub(super) fn text(&mut self, key: &str, value: impl std::fmt::Display) {
        let value = value.to_string();
        self.key(key).string(&value);
    }

    pub(super) fn some(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn number(&mut self, key: &str, value: impl Into<u64>) {
        self.key(key).number(value.into());
    }

    pub(super) fn yes(&mut self, key: &str, value: bool) {
        self.key(key).boolean(value);
    }

    pub(super) fn texts(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        let w = self.key(key);
        w.raw("[ ");
        w.list(values, |w, value| {
            w.string(&value);
        });
        w.raw(" ]");
    }

    pub(super) fn end(self) {
        self.w.raw(" }");
    }
}
