//! Archives and monitoring stations, as sections of a file and as JSON.

use std::net::SocketAddr;

use super::Text;
use super::object::Object;
use crate::config::monitor::{BmpConfig, Monitored, MrtConfig, MrtTable, MrtUpdates};
use crate::config::mrt::{TYPES, type_word};
use crate::config::quoting::quoted;
use crate::config::{bmp, mrt};
use crate::json::JsonWriter;

impl Text {
    pub(super) fn mrt(&mut self, config: &MrtConfig) {
        if *config == MrtConfig::default() {
            return;
        }
        self.open("mrt");
        for updates in &config.updates {
            self.updates(updates);
        }
        for table in &config.tables {
            self.open("table");
            self.set("file", quoted(table.file.pattern()));
            self.some("every", (table.every > 0).then_some(table.every));
            self.set("table", table.table.name());
            self.common(table.gzip, table.portable, &table.neighbors);
            self.close();
        }
        self.close();
        self.out.push('\n');
    }

    fn updates(&mut self, updates: &MrtUpdates) {
        self.open("updates");
        self.set("file", quoted(updates.file.pattern()));
        self.set("rotate", updates.rotate);
        self.set("messages", bracketed(directions(updates)));
        let types = types(updates);
        self.some(
            "types",
            (types.len() <= TYPES.len()).then(|| bracketed(types)),
        );
        self.common(updates.gzip, updates.portable, &updates.neighbors);
        let buffer = updates.buffer;
        self.some("buffer", (buffer != mrt::BUFFER).then_some(buffer));
        self.close();
    }

    fn common(&mut self, gzip: bool, portable: bool, neighbors: &Monitored) {
        self.some("compress", gzip.then_some("gzip"));
        self.some("portable", portable.then_some(true));
        self.selected(neighbors);
    }

    fn selected(&mut self, neighbors: &Monitored) {
        let words: Vec<String> = neighbors.words().collect();
        self.some("neighbors", (!words.is_empty()).then(|| bracketed(words)));
    }

    pub(super) fn bmp(&mut self, config: &BmpConfig) {
        self.open(format_args!("bmp {}", super::argument(&config.name)));
        self.some("connect", config.connect.map(socket));
        self.some("listen", config.listen.map(socket));
        self.some("local-address", config.local_address);
        self.set("monitor", bracketed(tables(config)));
        self.selected(&config.neighbors);
        self.set("stats", config.stats);
        self.some(
            "buffer",
            (config.buffer != bmp::BUFFER).then_some(config.buffer),
        );
        let (first, most) = config.retry;
        self.some(
            "retry",
            (config.retry != bmp::RETRY).then(|| format!("{first} {most}")),
        );
        self.some("name", config.system_name.as_deref().map(quoted));
        self.some("description", config.description.as_deref().map(quoted));
        self.close();
        self.out.push('\n');
    }
}

/// The `mrt` section as a JSON object.
pub(super) fn mrt_json(config: &MrtConfig, w: &mut JsonWriter) {
    w.raw("{ \"updates\": [ ");
    w.list(&config.updates, |w, one| {
        let mut object = Object::new(w);
        object.text("file", one.file.pattern());
        object.number("rotate", one.rotate);
        object.texts("messages", directions(one));
        object.texts("types", types(one));
        shared(&mut object, one.gzip, one.portable, &one.neighbors);
        object.number("buffer", one.buffer);
        object.end();
    });
    w.raw(" ], \"tables\": [ ");
    w.list(&config.tables, |w, one: &MrtTable| {
        let mut object = Object::new(w);
        object.text("file", one.file.pattern());
        object.number("every", one.every);
        object.text("table", one.table.name());
        shared(&mut object, one.gzip, one.portable, &one.neighbors);
        object.end();
    });
    w.raw(" ] }");
}

fn shared(object: &mut Object<'_>, gzip: bool, portable: bool, neighbors: &Monitored) {
    object.text("compress", if gzip { "gzip" } else { "none" });
    object.yes("portable", portable);
    object.texts("neighbors", neighbors.words());
}

/// A `bmp` section as a JSON object.
pub(super) fn bmp_json(w: &mut JsonWriter, config: &BmpConfig) {
    let mut object = Object::new(w);
    object.text("name", &config.name);
    object.some("connect", config.connect);
    object.some("listen", config.listen);
    object.some("local-address", config.local_address);
    object.texts("monitor", tables(config));
    object.texts("neighbors", config.neighbors.words());
    object.number("stats", config.stats);
    object.number("buffer", config.buffer);
    let (first, most) = config.retry;
    object.texts("retry", [first.to_string(), most.to_string()]);
    object.some("system-name", config.system_name.as_deref());
    object.some("description", config.description.as_deref());
    object.end();
}

fn directions(updates: &MrtUpdates) -> Vec<String> {
    chosen([("received", updates.received), ("sent", updates.sent)])
}

fn tables(config: &BmpConfig) -> Vec<String> {
    chosen([("rib-in", config.rib_in), ("rib-out", config.rib_out)])
}

fn types(updates: &MrtUpdates) -> Vec<String> {
    let kinds = updates.types.iter().map(|kind| type_word(*kind));
    let all = kinds.chain(updates.states.then_some("state"));
    all.map(str::to_owned).collect()
}

fn chosen<const N: usize>(words: [(&str, bool); N]) -> Vec<String> {
    let on = words.into_iter().filter(|(_, on)| *on);
    on.map(|(word, _)| word.to_owned()).collect()
}

fn bracketed(words: Vec<String>) -> String {
    format!("[ {} ]", words.join(" "))
}

fn socket(socket: SocketAddr) -> String {
    format!("{} port {}", socket.ip(), socket.port())
}
