//! What archives and stations need of the neighbors that they are about.

use super::context::Context;
use super::diagnostic::Diagnostic;
use super::model::{Config, NeighborConfig};
use super::monitor::Monitored;

/// Turns `adj-rib-in` on where it is needed, and reports selections without a neighbor.
pub(crate) fn settle(cx: &mut Context<'_>, config: &mut Config) {
    for claim in std::mem::take(&mut cx.claims) {
        let strangers = claim.neighbors.networks().iter().filter(|network| {
            let one = Monitored::new(vec![**network]);
            !config
                .neighbors
                .iter()
                .any(|neighbor| concerns(&one, neighbor))
        });
        for stranger in strangers {
            let text = format!("{} selects {stranger}, which no neighbor has", claim.who);
            cx.report.add(Diagnostic::warning(claim.span, text));
        }
        let without = config.neighbors.iter_mut().filter(|neighbor| {
            claim.adj_rib_in && !neighbor.adj_rib_in && concerns(&claim.neighbors, neighbor)
        });
        for neighbor in without {
            neighbor.adj_rib_in = true;
            let text = format!(
                "{} needs the Adj-RIB-In: `adj-rib-in` is enabled for neighbor {}",
                claim.who,
                neighbor.peer()
            );
            cx.report.add(Diagnostic::warning(claim.span, text));
        }
    }
}

fn concerns(selected: &Monitored, neighbor: &NeighborConfig) -> bool {
    let session = &neighbor.session;
    selected.concerns(session.peer_address, session.peer_prefix)
}
