//! Decoded TLVs, and how events show them.

use std::borrow::Cow;

use super::value::Value;
use crate::json::JsonWriter;

/// How a text event shows an item.
#[derive(Clone, Debug)]
pub(super) enum Text {
    /// `name: value`, the value in Python's notation.
    Named(&'static str),
    /// `name: value`, strings without quotes.
    Plain(&'static str),
    /// Free-form text.
    Words(String),
}

/// A decoded TLV.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub key: Cow<'static, str>,
    pub value: Value,
    /// Members that follow `key`.
    pub more: Vec<(&'static str, Value)>,
    /// Whether several TLVs with this key make one list.
    pub merge: bool,
    pub text: Text,
}

impl Item {
    pub(super) const fn new(key: &'static str, value: Value, text: Text) -> Self {
        Self {
            key: Cow::Borrowed(key),
            value,
            more: Vec::new(),
            merge: false,
            text,
        }
    }

    /// Appends the list of a later TLV.
    pub(super) fn merge(&mut self, later: Self) {
        if let (Value::List(list), Value::List(more)) = (&mut self.value, later.value) {
            list.extend(more);
        }
        if let (Text::Words(words), Text::Words(more)) = (&mut self.text, later.text)
            && *words != more
        {
            words.push_str(", ");
            words.push_str(&more);
        }
    }

    /// The whole TLV as one value: an object, if it has more than one member.
    pub(super) fn whole(&self) -> Value {
        if self.more.is_empty() {
            return self.value.clone();
        }
        let mut members = vec![("flags", self.value.clone())];
        members.extend(self.more.iter().cloned());
        Value::object(members)
    }

    /// Appends the member `key`.
    pub(super) fn json(&self, w: &mut JsonWriter) {
        w.key(&self.key);
        // ExaBGP puts spaces inside the brackets of these lists.
        match &self.value {
            Value::List(list) if self.key.starts_with("srv6-") => {
                w.raw("[ ");
                w.list(list, |w, value| value.json(w));
                w.raw(" ]");
            }
            value => value.json(w),
        }
    }

    /// Appends the members that follow it.
    pub(super) fn more_json(&self, w: &mut JsonWriter) {
        for (key, value) in &self.more {
            w.raw(", ").key(key);
            value.json(w);
        }
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        match &self.text {
            Text::Named(name) => {
                out.push_str(name);
                out.push_str(": ");
                self.value.repr(&mut out);
            }
            Text::Plain(name) => {
                out.push_str(name);
                out.push_str(": ");
                self.value.plain(&mut out);
            }
            Text::Words(words) => out.push_str(words),
        }
        out
    }
}

/// Decodes a byte of flags, starting at the highest bit. Reserved bits are shown as zero.
pub(super) fn flags(names: &[&'static str], byte: u8) -> Value {
    let bit = |(index, name): (usize, &&'static str)| {
        let set = *name != "RSV" && byte & 0x80 >> index != 0;
        (Cow::Borrowed(*name), Value::Number(set.into()))
    };
    Value::Object(names.iter().enumerate().map(bit).collect())
}
