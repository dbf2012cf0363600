//! What a configuration with many routes takes of memory, in bytes for each route.

use std::fmt::Write as _;
use std::path::Path;

use oxabgp::config::{Config, Env};

use crate::support::heap::measured;

const ROUTES: u32 = 20_000;

/// A file with routes, of which 150 in a row have the same attributes.
fn file(form: fn(&str, &[String]) -> String) -> String {
    let mut text = String::from(
        "neighbor 127.0.0.2 {\n router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001;\n family { ipv4 unicast; }\n static {\n",
    );
    for number in 0..ROUTES {
        let [_, a, b, c] = number.to_be_bytes();
        let set = number / 150;
        let settings = [
            format!("next-hop 192.0.2.{}", 1 + set % 250),
            format!("med {set}"),
            format!("as-path [ 65001 {} 64512 ]", set + 1),
            format!("community [ 65001:{set} 65001:7 ]"),
            "local-preference 100".to_owned(),
        ];
        let route = form(&format!("10.{a}.{b}.{c}/32"), &settings);
        writeln!(text, "  {route}").expect("a string");
    }
    text.push_str(" }\n}\n");
    text
}

fn line(prefix: &str, settings: &[String]) -> String {
    format!("route {prefix} {};", settings.join(" "))
}

fn block(prefix: &str, settings: &[String]) -> String {
    format!("route {prefix} {{ {}; }}", settings.join("; "))
}

/// The most bytes for a route while the file is read, besides its text, and those that the configuration keeps.
fn cost(text: &str) -> (usize, usize) {
    let env = Env::default();
    let (config, highest, kept) = measured(|| {
        let read = Config::parse("routes.conf", text, Path::new("/"), &env);
        let (config, warnings) = read.expect("a good file");
        assert!(warnings.is_empty());
        config
    });
    let routes = ROUTES as usize;
    assert_eq!(config.neighbors[0].routes.len(), routes);
    (highest / routes, kept / routes)
}

#[test]
fn routes_in_lines_take_less_memory_than_their_text() {
    let (highest, kept) = cost(&file(line));
    assert!(highest <= 64 && kept <= 16, "{highest} and {kept}");
}

#[test]
fn routes_in_blocks_take_about_as_much_memory_as_their_text() {
    let (highest, kept) = cost(&file(block));
    assert!(highest <= 192 && kept <= 16, "{highest} and {kept}");
}

/// The attributes of a block are read once, as those of a line are.
#[test]
fn blocks_and_lines_are_the_same_routes() {
    let read = |text: &str| {
        let env = Env::default();
        let read = Config::parse("routes.conf", text, Path::new("/"), &env);
        read.expect("a good file").0
    };
    assert_eq!(read(&file(line)), read(&file(block)));
}

#[test]
fn every_block_with_a_slip_is_reported_at_its_own_place() {
    let text = "neighbor 127.0.0.2 {
 router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001;
 static {
  route 10.0.0.0/32 { next-hop 192.0.2.1; med 5 6; }
  route 10.0.0.1/32 { next-hop 192.0.2.1; med 5 6; }
  route 10.0.0.2/32 { next-hop 192.0.2.1; med 5; med 6; }
  route 10.0.0.3/32 { next-hop 192.0.2.1; med 5; med 6; }
  route 10.0.0.4/32 { med 7; }
  route 10.0.0.5/32 { med 7; }
 }
}
";
    let env = Env::default();
    let read = Config::parse("slips.conf", text, Path::new("/"), &env);
    let (config, warnings) = read.expect("warnings only");
    assert_eq!(config.neighbors[0].routes.len(), 4);
    let lines: Vec<String> = warnings.lines().collect();
    let places = lines
        .iter()
        .map(|line| line.split(':').nth(1).unwrap_or(""));
    let places: Vec<&str> = places.collect();
    assert_eq!(places, ["4", "5", "6", "7", "8", "9"], "{lines:#?}");
}
