//! A file of ExaBGP 3.4 or 4.2, or with errors that ExaBGP ignores, rewritten in the current syntax.
//!
//! The text is edited where it has to change and nowhere else: comments, blank lines and the order of settings stay. What
//! is not understood is left unchanged; reading the result shows what remains.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::capability;
use super::diagnostic::Report;
use super::legacy::words;
use super::tree::{Block, Statement, Tree};
use crate::bgp::{Afi, Family, Safi};
use crate::text::Span;

mod routes;

/// The text of a file in the current syntax; unchanged if it is current already.
pub fn migrate(text: &str) -> String {
    let mut report = Report::default();
    let tree = Tree::parse(text, &mut report);
    let mut migration = Migration {
        text,
        tree: &tree,
        edits: Vec::new(),
        processes: Vec::new(),
        groups: 0,
        shared: BTreeSet::new(),
        old: false,
    };
    migration.old = migration.is_of_3_4();
    for span in tree.strays() {
        migration.edit(*span, "");
    }
    for statement in &tree.statements {
        migration.root(statement);
    }
    migration.apply(Span::new(0, text.len()), 0)
}

/// A line with one blank between its words.
fn spaced(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.join(" ")
}

/// A part of the text and its replacement.
struct Edit {
    span: Span,
    text: String,
}

struct Migration<'a> {
    text: &'a str,
    tree: &'a Tree<'a>,
    edits: Vec<Edit>,
    /// The processes that were moved out of neighbors: their settings, however they are laid out.
    processes: Vec<Vec<String>>,
    groups: usize,
    /// The families of the routes of the group itself.
    shared: BTreeSet<Family>,
    /// It is a file of ExaBGP 3.4.
    old: bool,
}

impl<'a> Migration<'a> {
    fn edit(&mut self, span: Span, text: impl Into<String>) {
        self.edits.push(Edit {
            span,
            text: text.into(),
        });
    }

    fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.edit(Span::new(at, at), text);
    }

    /// The text of a region with the edits from `first` on that are inside of it, which are removed from the list.
    fn apply(&mut self, region: Span, first: usize) -> String {
        let (mut edits, others): (Vec<Edit>, Vec<Edit>) = self
            .edits
            .split_off(first)
            .into_iter()
            .partition(|edit| region.start <= edit.span.start && edit.span.end <= region.end);
        self.edits.extend(others);
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let (mut out, mut at) = (String::new(), region.start);
        for edit in edits {
            if edit.span.start < at {
                continue;
            }
            out.push_str(&self.text[at..edit.span.start]);
            out.push_str(&edit.text);
            at = edit.span.end;
        }
        out.push_str(&self.text[at..region.end]);
        out
    }

    fn source(&self, span: Span) -> &str {
        &self.text[span.start..span.end]
    }

    /// From the first word to the semicolon, or to the closing brace.
    fn whole(&self, statement: &Statement) -> Span {
        if let Some(block) = &statement.block {
            return Span::new(statement.span().start, block.close().end);
        }
        let rest = &self.text[statement.span().end..];
        let blanks = rest.len() - rest.trim_start().len();
        let end = if rest[blanks..].starts_with(';') {
            statement.span().end + blanks + 1
        } else {
            statement.span().end
        };
        Span::new(statement.span().start, end)
    }

    fn head(&self, statement: &Statement) -> Cow<'a, str> {
        self.tree.head(statement)
    }

    /// The indentation of a statement's line.
    fn indent(&self, statement: &Statement) -> String {
        let start = statement.span().start;
        let line = self.text[..start].rfind('\n').map_or(0, |found| found + 1);
        self.text[line..start]
            .chars()
            .take_while(|c| matches!(c, ' ' | '\t'))
            .collect()
    }

    fn root(&mut self, statement: &Statement) {
        match (&*self.head(statement), &statement.block) {
            ("neighbor", Some(block)) => {
                let hoisted = self.neighbor(block);
                self.insert(statement.span().start, hoisted);
            }
            ("template", Some(block)) if words::is_named_template(self.tree, statement) => {
                let hoisted = self.neighbor(block);
                self.insert(statement.span().start, hoisted);
                if let Some(word) = self.tree.words(statement).first() {
                    self.edit(word.span, "template { neighbor");
                }
                self.insert(block.close().end, " }");
            }
            ("template", Some(block)) => {
                for inner in &block.statements {
                    if let Some(block) = &inner.block {
                        let hoisted = self.neighbor(block);
                        self.insert(statement.span().start, hoisted);
                    }
                }
            }
            ("group", Some(block)) => self.group(statement, block),
            _ => {}
        }
        self.semicolons(statement);
    }

    /// Writes the semicolons that are missing before `}`.
    fn semicolons(&mut self, statement: &Statement) {
        match &statement.block {
            Some(block) => block
                .statements
                .iter()
                .for_each(|inner| self.semicolons(inner)),
            None => {
                let end = statement.span().end;
                let is_missing = self.text[end..].trim_start().starts_with('}');
                if is_missing && !self.is_replaced(statement) {
                    self.insert(end, ";");
                }
            }
        }
    }

    /// Returns `true` if whole statements, or nothing, are written in place of one.
    fn is_replaced(&self, statement: &Statement) -> bool {
        let whole = self.whole(statement);
        let mut edits = self.edits.iter();
        edits.any(|edit| {
            edit.span == whole && (edit.text.is_empty() || edit.text.ends_with([';', '}']))
        })
    }

    /// Edits the statements of a neighbor. Returns the processes found in it, to be written before it.
    fn neighbor(&mut self, block: &Block) -> String {
        let mut hoisted = String::new();
        self.routes(block);
        for statement in &block.statements {
            let (head, whole) = (self.head(statement), self.whole(statement));
            match (&*head, &statement.block) {
                ("process", Some(inner)) if !words::is_nameless(self.tree, statement, inner) => {
                    let (process, api) = self.process(statement, inner);
                    hoisted.push_str(&process);
                    self.edit(whole, api);
                }
                ("process", Some(inner)) => {
                    let api = self.nameless(statement, inner);
                    self.edit(whole, api);
                }
                ("family", Some(inner)) => {
                    let routes = self.families(block);
                    self.family(inner, routes);
                }
                ("api", Some(inner)) => self.api(inner),
                ("capability", Some(inner)) => {
                    for setting in &inner.statements {
                        if let Some(today) = words::renamed_capability(&self.head(setting)) {
                            self.rename(setting, today);
                        }
                    }
                }
                (word, None) => {
                    if capability::KEYWORDS
                        .iter()
                        .any(|keyword| keyword.word == word)
                    {
                        let setting = self
                            .source(whole)
                            .trim_end_matches(';')
                            .trim_end()
                            .to_owned();
                        self.edit(whole, format!("capability {{ {setting}; }}"));
                    } else if let Some(today) = words::renamed(word) {
                        self.rename(statement, today);
                        if words::is_bare_ttl(&self.tree.words(statement)) {
                            self.insert(statement.span().end, " 255");
                        }
                    }
                }
                _ => {}
            }
        }
        hoisted
    }

    /// Replaces the first word of a statement.
    fn rename(&mut self, statement: &Statement, today: &str) {
        if let Some(word) = self.tree.words(statement).first() {
            self.edit(word.span, today);
        }
    }

    /// `routes` are the families that `minimal` selects.
    fn family(&mut self, block: &Block, mut routes: BTreeSet<Family>) {
        for statement in &block.statements {
            match &*self.head(statement) {
                "minimal" => {
                    routes.extend(&self.shared);
                    routes.insert(Family::IPV4_UNICAST);
                    let list: Vec<String> =
                        routes.iter().map(|family| format!("{family};")).collect();
                    self.edit(self.whole(statement), list.join(" "));
                }
                "inet" | "inet4" => self.rename(statement, "ipv4"),
                "inet6" => self.rename(statement, "ipv6"),
                _ => {}
            }
        }
    }

    /// The families of the routes that are written in a section.
    fn families(&self, block: &Block) -> BTreeSet<Family> {
        let mut found = BTreeSet::new();
        for section in &block.statements {
            let of = self.head(section);
            for statement in section.statements() {
                match &*of {
                    "static" | "flow" | "l2vpn" => found.extend(self.family_of(&of, statement)),
                    "announce" => {
                        let afi = Afi::from_name(&self.head(statement));
                        let safis = statement.statements().iter();
                        let safis = safis.filter_map(|inner| Safi::from_name(&self.head(inner)));
                        found.extend(
                            afi.into_iter().flat_map(|afi| {
                                safis.clone().map(move |safi| Family { afi, safi })
                            }),
                        );
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// The family of a route of 3.4, by its words.
    fn family_of(&self, section: &str, statement: &Statement) -> Option<Family> {
        let source = self.source(self.whole(statement));
        let has = |wanted: &str| {
            source
                .split(|c: char| c.is_whitespace() || "{};".contains(c))
                .any(|word| word == wanted)
        };
        let rd = has("rd") || has("route-distinguisher");
        let safi = match (section, &*self.head(statement)) {
            ("flow", "route") if rd => Safi::FLOW_VPN,
            ("flow", "route") => Safi::FLOW,
            ("l2vpn", word) => {
                return Safi::from_name(word).map(|safi| Family {
                    afi: Afi::L2VPN,
                    safi,
                });
            }
            ("static", "route" | "attributes" | "attribute") if rd => Safi::MPLS_VPN,
            ("static", "route" | "attributes" | "attribute") if has("label") => Safi::NLRI_MPLS,
            ("static", "route" | "attributes" | "attribute") => Safi::UNICAST,
            _ => return None,
        };
        let six = |word: &str| {
            let address = word.split('/').next().unwrap_or_default();
            address.parse::<std::net::Ipv6Addr>().is_ok()
        };
        // The first address is that of the prefix, or of a match.
        let first = source
            .split_whitespace()
            .find(|word| word.contains('/') || six(word));
        let afi = if first.is_some_and(six) {
            Afi::IPV6
        } else {
            Afi::IPV4
        };
        Some(Family { afi, safi })
    }

    fn api(&mut self, block: &Block) {
        let mut written = BTreeSet::new();
        for statement in &block.statements {
            let word = self.head(statement);
            if let (Some(inner), "send" | "receive") = (&statement.block, &*word) {
                for message in &inner.statements {
                    if self.head(message) == "neighbor-changes" {
                        self.edit(self.whole(message), "");
                        self.insert(statement.span().start, "neighbor-changes; ");
                    } else if let Some(today) = words::renamed_message(&self.head(message)) {
                        self.rename(message, today);
                    }
                }
            } else if let Some(today) = words::api_today(&word) {
                let off = self.tree.words(statement).len() > 1;
                // Switched off, it stated the default; two words of 3.4 may also mean the same.
                let once = !off && written.insert(today);
                self.edit(self.whole(statement), if once { today } else { "" });
            }
        }
    }

    /// `process { … }` of a neighbor that runs nothing: an `api` section without helpers.
    fn nameless(&mut self, statement: &Statement, block: &Block) -> String {
        let first = self.edits.len();
        self.api(block);
        self.semicolons(statement);
        let inside = self.apply(Span::new(block.open().end, block.close().start), first);
        let indent = self.indent(statement);
        let mut api = "api {\n".to_owned();
        for line in inside.lines().filter(|line| !line.trim().is_empty()) {
            // Writing to a String cannot fail.
            let _ = writeln!(api, "{indent}    {}", line.trim());
        }
        api.push_str(&indent);
        api.push('}');
        api
    }

    /// `process NAME { … }` of a neighbor: the process by itself, and the `api` section instead of it.
    fn process(&mut self, statement: &Statement, block: &Block) -> (String, String) {
        let words = self.tree.words(statement);
        let name = words
            .get(1)
            .map_or_else(String::new, |token| token.text.clone().into_owned());
        let first = self.edits.len();
        self.api(block);
        let mut process = format!("process {name} {{\n");
        let mut encoder = false;
        for setting in &block.statements {
            let word = self.head(setting);
            if !words::is_process_word(&word) {
                continue;
            }
            encoder |= word == "encoder";
            let whole = self.whole(setting);
            let mut source = self.source(whole).trim_end_matches(';').to_owned();
            if let [run, command] = &*self.tree.words(setting)
                && run.text == "run"
                && command.quoted
            {
                source = format!("run {}", command.text);
            }
            // Writing to a String cannot fail.
            let _ = writeln!(process, "    {source};");
            self.edit(whole, "");
        }
        if !encoder {
            process.push_str("    encoder text;\n");
        }
        process.push_str("}\n\n");
        self.semicolons(statement);
        let inside = self.apply(Span::new(block.open().end, block.close().start), first);
        let indent = self.indent(statement);
        let mut api = format!("api {{\n{indent}    processes [ {name} ];\n");
        for line in inside.lines().filter(|line| !line.trim().is_empty()) {
            // Writing to a String cannot fail.
            let _ = writeln!(api, "{indent}    {}", line.trim());
        }
        api.push_str(&indent);
        api.push('}');
        // Two that differ are written: reading the result shows that they have one name.
        let mut settings: Vec<String> = process.lines().map(spaced).collect();
        settings.sort();
        if self.processes.contains(&settings) {
            process.clear();
        } else {
            self.processes.push(settings);
        }
        (process, api)
    }

    /// `group { … }`: templates of its own settings, and neighbors that inherit those that stood before them. Its
    /// helpers, which serve all of its neighbors, go into the first.
    fn group(&mut self, statement: &Statement, block: &Block) {
        self.groups += 1;
        self.shared = self.families(block);
        let first = self.edits.len();
        let mut hoisted = self.neighbor(block);
        let helpers = self.take_helpers(block, first);
        let (mut names, mut out) = (Vec::new(), String::new());
        let mut at = block.open().end;
        for inner in &block.statements {
            let Some(own) = inner
                .block
                .as_ref()
                .filter(|_| self.head(inner) == "neighbor")
            else {
                self.semicolons(inner);
                continue;
            };
            let region = self.whole(inner);
            let inside = self.apply(Span::new(at, region.start), first);
            self.template(&mut names, &inside, &helpers, &mut out);
            at = region.end;
            let before = self.edits.len();
            hoisted.push_str(&self.neighbor(own));
            self.semicolons(inner);
            let inherited = match names.as_slice() {
                [one] => one.clone(),
                all => format!("[ {} ]", all.join(" ")),
            };
            self.insert(own.open().end, format!(" inherit {inherited};"));
            let text = self.apply(region, before);
            // Writing to a String cannot fail.
            let _ = write!(out, "\n\n{text}");
        }
        let inside = self.apply(Span::new(at, block.close().start), first);
        // Their helpers were taken already, and comments that end a group stay where they are.
        let says_something = inside.lines().any(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        if says_something {
            out.push_str(&Self::comment_out(&inside));
        } else if !inside.trim().is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\n{}", inside.trim_end());
        }
        self.edits.truncate(first);
        let whole = self.whole(statement);
        self.edit(whole, format!("{hoisted}{out}"));
        self.shared.clear();
    }

    /// Removes and returns the `api` sections that replace processes after the first neighbor of a group.
    fn take_helpers(&mut self, block: &Block, first: usize) -> String {
        let statements = block.statements.iter();
        let behind = statements.skip_while(|inner| self.head(inner) != "neighbor");
        let places: Vec<Span> = behind
            .filter(|inner| self.head(inner) == "process")
            .map(|inner| self.whole(inner))
            .collect();
        let mut out = String::new();
        for edit in &mut self.edits[first..] {
            if places.contains(&edit.span) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\n    {}", std::mem::take(&mut edit.text));
            }
        }
        out
    }

    /// Writes the settings of a group between two of its neighbors as a template, if there are any.
    fn template(&self, names: &mut Vec<String>, inside: &str, helpers: &str, out: &mut String) {
        let inside = inside.trim_end();
        if !names.is_empty() && inside.trim_start().is_empty() {
            return;
        }
        let (name, helpers, gap) = match names.len() {
            0 => (format!("group-{}", self.groups), helpers, ""),
            more => (format!("group-{}-{}", self.groups, more + 1), "", "\n\n"),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{gap}template {{\nneighbor {name} {{{inside}{helpers}\n}}\n}}"
        );
        names.push(name);
    }
}
