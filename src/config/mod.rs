//! A configuration file as a value: parsed, checked as a whole, and either complete or a list of diagnostics.
//!
//! A [`NeighborConfig`] that exists is valid. What a session's OPEN or TCP connection depends on is one struct,
//! [`SessionConfig`], so that a reload compares it with one `==`.
//!
//! | module | contents |
//! |---|---|
//! | [`mod@env`] | the settings of the environment: variables and `exabgp.env` |
//! | [`diagnostic`] | errors and warnings, each with its line |
//! | `lexer`, `tree`, `vocabulary` | text → statements with their places |
//! | `word_text`, `word_lexer`, `word_reader` | the words of one of them |
//! | `schema`, `context`, `recovery`, `placed_routes` | what the readers of sections share |
//! | `process`, `neighbor` and a file for each other section | statements → drafts |
//! | `portable` | the words that ExaBGP does not know |
//! | `guard_rules` | what the guard of a process says about an announcement |
//! | `check`, `check_section`, `check_target` | health checks |
//! | `mrt`, `bmp`, `claim` | archives and monitoring stations, and what they need of neighbors |
//! | `validate`, `load` | drafts → valid neighbors → [`Config`] |
//! | `model`, `monitor`, `session` | [`Config`] and its parts |
//! | [`show`] | a configuration written back, as a file and as JSON |
//! | [`diff`](mod@diff) | what a reload would do |
//! | `legacy`, [`migrate()`] | the syntax of ExaBGP 3.4 and 4.2 |
//!
//! ```
//! use std::path::Path;
//!
//! use oxabgp::config::{Config, Env};
//!
//! let text = "neighbor 192.0.2.2 {
//!     local-address 192.0.2.1; local-as 65001; peer-as 65002; hold-time 90;
//!     static { route 198.51.100.0/24 next-hop 192.0.2.1; }
//! }";
//! let (config, warnings) =
//!     Config::parse("example", text, Path::new("."), &Env::default()).expect("a valid file");
//! assert!(warnings.is_empty());
//! assert_eq!(config.neighbors[0].session.hold_time, 90);
//! assert_eq!(config.neighbors[0].routes.len(), 1);
//!
//! // All errors are reported at once, each with its line.
//! let wrong = text.replace("hold-time 90", "hold-time 2").replace("65002", "none");
//! let errors = Config::parse("example", &wrong, Path::new("."), &Env::default()).expect_err("errors");
//! assert!(errors.to_string().contains("hold-time"));
//! ```

mod announce;
mod announce_limit;
mod announce_limit_section;
mod base64;
mod bmp;
mod capability;
mod check;
mod check_section;
mod check_target;
mod claim;
mod confinement;
mod context;
pub mod diagnostic;
pub mod diff;
mod diff_json;
mod draft;
pub mod env;
pub(crate) mod executable;
mod family;
mod guard;
pub(crate) mod guard_rules;
mod guard_section;
mod legacy;
mod lexer;
mod limit_section;
mod load;
mod metrics;
mod metrics_section;
mod migrate;
mod model;
mod monitor;
mod mrt;
mod neighbor;
pub(crate) mod notation;
mod peer_address;
mod placed_routes;
mod portable;
mod process;
mod quoting;
mod recovery;
mod reference;
mod route_checks;
mod schema;
mod section;
mod session;
mod settings;
pub mod show;
mod stand_in;
mod state;
mod state_section;
mod subscription;
mod tcp_ao;
mod tree;
mod utf8;
mod validate;
mod vocabulary;
mod word_lexer;
mod word_reader;
mod word_text;

pub use announce_limit::AnnounceLimit;
pub use check::{CheckConfig, CheckGroup, Down};
pub use confinement::{CONFINED, Confinement, Limits};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use diff::{ConfigChange, diff};
pub use diff_json::changes_json;
pub use env::Env;
pub use guard::{AllowedPrefix, FlowAction, GuardConfig, RequiredCommunity};
pub use metrics::{HttpPlace, MetricsConfig};
pub use migrate::migrate;
pub use model::{
    ApiVersion, Config, DYNAMIC_LIMIT, Encoder, Messages, NeighborConfig, PrefixLimit,
    ProcessConfig, QueueFull, STALE_PATH_TIME, Subscription,
};
pub use monitor::{BmpConfig, Monitored, MrtConfig, MrtSide, MrtTable, MrtUpdates};
pub use portable::words_of_our_own;
pub use reference::{Row, reference};
pub use session::{
    AddPath, Base64, CapabilityConfig, SessionConfig, TcpAo, TcpAoAlgorithm, Unwritten,
};
pub use show::Secrets;
pub use state::{JournalSync, StateConfig, Unclaimed};
pub(crate) use utf8::utf8;
