//! `show leases`: the routes that end by themselves, whose they are, and how soon.

use std::rc::Rc;

use crate::json::JsonWriter;

use super::core::Core;
use super::lease_table;
use super::leases::Names;
use super::queue::Make;

/// Routes in one turn, each of which may name many neighbors.
const STEP: usize = 512;

/// A function that lists routes with a deadline. It is called as fast as its reader reads; what changes meanwhile may be missing.
pub(crate) fn listed(core: &Rc<Core>, json: bool, end: String) -> Make {
    let core = Rc::downgrade(core);
    let (mut from, mut names) = (0, Names::default());
    let mut before = if json { "[ " } else { "" };
    Box::new(move |out| {
        let Some(core) = core.upgrade() else {
            return false;
        };
        core.stats.turns.note("a list of leases");
        let (mut w, now) = (JsonWriter::new(), lease_table::now());
        let next = core.leases.visit(from, STEP, &mut |leased| {
            let Some(deadline) = leased.deadline else {
                return;
            };
            names.find(&core, leased.peers);
            let (nlri, left) = (leased.nlri, deadline.saturating_sub(now).as_secs());
            if !json {
                let (family, owner, named) = (nlri.family, leased.owner, names.names.join(" "));
                w.format(format_args!(
                    "{family} {nlri} left {left} owner {owner} neighbors {named}"
                ));
                if names.more > 0 {
                    w.format(format_args!(" and {} more", names.more));
                }
                w.raw("\n");
                return;
            }
            w.raw(std::mem::replace(&mut before, ", "));
            w.raw("{ ").key("route").string(&nlri.to_string());
            w.raw(", ").key("family").string(&nlri.family.to_string());
            w.raw(", ").key("left").number(left);
            w.raw(", ").key("owner").string(leased.owner);
            w.raw(", ").key("neighbors").raw("[ ");
            w.list(&names.names, |w, name| {
                w.string(name);
            });
            w.raw(" ]");
            if names.more > 0 {
                w.raw(", ").key("more").number(names.more);
            }
            w.raw(" }");
        });
        if next.is_none() && json {
            w.raw(if before == "[ " { "[  ]\n" } else { " ]\n" });
        }
        out.push_str(w.as_str());
        from = next.unwrap_or_default();
        if next.is_none() {
            out.push_str(&end);
        }
        next.is_some()
    })
}
