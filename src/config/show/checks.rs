//! Health checks as JSON.

use super::object::Object;
use super::statement;
use crate::config::check::CheckConfig;
use crate::health::{HttpCheck, Target};
use crate::json::JsonWriter;

pub(super) fn check_json(w: &mut JsonWriter, check: &CheckConfig) {
    let mut object = Object::new(w);
    object.text("name", &check.name);
    object.text(check.kind(), check.shown_target());
    if let Target::Http(http) = &check.target {
        conditions(http, &mut object);
    }
    let pace = &check.pace;
    for (key, time) in [
        ("interval", pace.interval),
        ("fast-interval", pace.fast_interval),
        ("timeout", pace.timeout),
        ("flap-hold", pace.flap_hold),
        ("drain", check.drain),
    ] {
        object.key(key).raw(&time.as_secs_f64().to_string());
    }
    object.number("rise", pace.rise);
    object.number("fall", pace.fall);
    let path = check.disable.as_ref().map(|path| path.to_string_lossy());
    object.some("disable", path);
    let routes = check.routes.iter();
    object.texts(
        "routes",
        routes.map(|(nlri, attributes)| statement(nlri, attributes)),
    );
    object.text("down", &check.down);
    if let Some(group) = &check.group {
        object.text("group", &group.name);
        object.yes("fail-static", group.fail_static);
    }
    object.texts("neighbors", check.neighbors.words());
    object.some("up-execute", check.up_execute.as_ref());
    object.some("down-execute", check.down_execute.as_ref());
    object.end();
}

fn conditions(http: &HttpCheck, object: &mut Object<'_>) {
    object.text("method", &http.method);
    object.texts("status", http.status.iter().map(u16::to_string));
    object.some("body", http.body.as_ref());
    let fields = http.headers.iter();
    object.texts(
        "headers",
        fields.map(|(name, value)| format!("{name}: {value}")),
    );
    object.yes("verify", !http.tls.unverified);
    let path = http.tls.ca.as_ref().map(|path| path.to_string_lossy());
    object.some("ca", path);
}
