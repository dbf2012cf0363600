//! How commands are answered: `done` or `error`, in the form and detail that the source asked for.

use crate::json::JsonWriter;

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// It was carried out.
    Done,
    /// It was carried out, but not all of it was used: words without a meaning were ignored.
    Warned(&'a str),
    /// It was accepted, but changed and sent nothing, for this reason.
    NoEffect(&'a str),
    /// It was not, for this reason.
    Error(&'a str),
}

impl<'a> Answer<'a> {
    /// The word that ends the answer.
    const fn word(self) -> &'static str {
        match self {
            Self::Done | Self::Warned(_) | Self::NoEffect(_) => "done",
            Self::Error(_) => "error",
        }
    }

    /// What kind of reason it has, as the line before the word begins, and the reason.
    const fn reason(self) -> Option<(&'static str, &'a str)> {
        match self {
            Self::Done => None,
            Self::Warned(reason) => Some(("warning", reason)),
            Self::NoEffect(reason) => Some(("no effect", reason)),
            Self::Error(reason) => Some(("error", reason)),
        }
    }
}

/// Which answers a source receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acks {
    /// Whether commands are acknowledged. If not, only requested text is written.
    pub enabled: bool,
    /// As JSON objects instead of words.
    pub json: bool,
    /// Errors have reasons: a line `error: …` before the word, or the message of the object. So have commands that were
    /// accepted with words that are ignored (`warning: …`), and those without effect (`no effect: …`).
    pub reasons: bool,
}

impl Default for Acks {
    /// ExaBGP's: words without reasons.
    fn default() -> Self {
        Self {
            enabled: true,
            json: false,
            reasons: false,
        }
    }
}

impl Acks {
    /// Appends the answer, whether or not answers are enabled. With an `id`, the answer carries it: `done 42`.
    pub fn write(&self, answer: Answer<'_>, id: Option<&str>, out: &mut String) {
        if self.json {
            return self.object(answer, id, out);
        }
        if let Some((kind, reason)) = answer.reason()
            && self.reasons
        {
            out.push_str(kind);
            out.push_str(": ");
            // A reason quotes the command, which is one line but may hold other control characters.
            out.extend(reason.chars().map(|c| if c.is_control() { ' ' } else { c }));
            out.push('\n');
        }
        out.push_str(answer.word());
        if let Some(id) = id {
            out.push(' ');
            out.push_str(id);
        }
        out.push('\n');
    }

    /// The answer to a command that failed later than in its turn: nothing if answers are not enabled.
    pub(super) fn refusal(&self, reason: &str, id: Option<&str>) -> String {
        self.late(Answer::Error(reason), id)
    }

    /// The answer to a command that was carried out later than in its turn, with a warning.
    pub(super) fn remark(&self, reason: &str, id: Option<&str>) -> String {
        self.late(Answer::Warned(reason), id)
    }

    fn late(&self, answer: Answer<'_>, id: Option<&str>) -> String {
        let mut out = String::new();
        if self.enabled {
            self.write(answer, id, &mut out);
        }
        out
    }

    /// Appends the number of commands of a batch that were read so far.
    pub fn progress(&self, commands: u64, out: &mut String) {
        let line = if self.json {
            format!("{{ \"answer\": \"progress\", \"commands\": {commands} }}\n")
        } else {
            format!("progress {commands}\n")
        };
        out.push_str(&line);
    }

    fn object(&self, answer: Answer<'_>, id: Option<&str>, out: &mut String) {
        let mut w = JsonWriter::new();
        let message = match (answer, answer.reason().filter(|_| self.reasons)) {
            (Answer::Error(_), Some((_, reason))) => reason.to_owned(),
            (Answer::Error(_), None) => "the command was not carried out".to_owned(),
            (_, Some((kind, reason))) => format!("{kind}: {reason}"),
            (_, None) => "command completed".to_owned(),
        };
        w.raw("{ \"answer\": ")
            .string(answer.word())
            .raw(", \"message\": ")
            .string(&message);
        if let Some(id) = id {
            w.raw(", \"id\": ").string(id);
        }
        w.raw(" }\n");
        out.push_str(w.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_objects_reasons_and_ids() {
        let plain = Acks::default();
        let reasons = Acks {
            reasons: true,
            ..plain
        };
        let json = Acks {
            json: true,
            ..reasons
        };
        for (acks, answer, id, wanted) in [
            (plain, Answer::Done, None, "done\n"),
            (plain, Answer::Error("x"), None, "error\n"),
            (plain, Answer::Done, Some("42"), "done 42\n"),
            (plain, Answer::NoEffect("x"), None, "done\n"),
            (reasons, Answer::NoEffect("x"), None, "no effect: x\ndone\n"),
            (
                reasons,
                Answer::Warned("x"),
                Some("7"),
                "warning: x\ndone 7\n",
            ),
            (
                json,
                Answer::NoEffect("x"),
                None,
                "{ \"answer\": \"done\", \"message\": \"no effect: x\" }\n",
            ),
            (
                reasons,
                Answer::Error("no `x`\tor\r"),
                None,
                "error: no `x` or \nerror\n",
            ),
            (
                json,
                Answer::Done,
                None,
                "{ \"answer\": \"done\", \"message\": \"command completed\" }\n",
            ),
            (
                json,
                Answer::Error("\"x\""),
                Some("7"),
                "{ \"answer\": \"error\", \"message\": \"\\\"x\\\"\", \"id\": \"7\" }\n",
            ),
        ] {
            let mut out = String::new();
            acks.write(answer, id, &mut out);
            assert_eq!(out, wanted);
        }
    }
}
