//! Environment settings: sources, their precedence, types, and error messages.

use oxabgp::config::Env;
use oxabgp::config::env::{Form, LogLevel, OPTIONS};

fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn read(list: &[(&str, &str)], file: Option<&str>) -> Env {
    let (env, warnings) =
        Env::read(variables(list), file.map(|text| ("test.env", text))).expect("no fault");
    assert!(warnings.is_empty(), "{warnings:?}");
    env
}

#[test]
fn every_default_is_a_value_and_is_printed_as_it_reads() {
    let env = Env::default();
    let text = env.dump(Form::File, false);
    assert_eq!(
        read(&[], Some(&text)),
        Env {
            search: read(&[], None).search,
            ..env.clone()
        }
    );
    assert_eq!(env.dump(Form::File, true), "");
    assert_eq!(
        env.dump(Form::Variables, false).lines().count(),
        45,
        "those of ExaBGP 5.0"
    );
    assert!(OPTIONS.len() > 45);
    // As ExaBGP prints them.
    for line in [
        "umask = '0o137'",
        "user = 'nobody'",
        "bind = ''",
        "speed = 1.0",
        "show-routes-format = v1",
        "level = INFO",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn words_of_settings_may_be_in_capitals_as_in_exabgp() {
    let settings = [
        ("exabgp_api_encoder", "JSON"),
        ("exabgp_api_show-routes-format", "V2"),
        ("exabgp_log_level", "debug"),
        ("exabgp_api_cli", "False"),
    ];
    let env = read(&settings, None);
    assert_eq!(env.api.encoder, oxabgp::config::Encoder::Json);
    assert_eq!(env.api.show_routes_format, 2);
    assert_eq!(env.log.level, LogLevel::Debug);
    assert!(!env.api.cli);
}

#[test]
fn the_first_of_several_sources_counts() {
    let file = "[exabgp.bgp]\nopenwait = 1\n[exabgp.tcp]\nport = 2000\n";
    let sources = [
        ("oxabgp.bgp.openwait", "5"),
        ("oxabgp_bgp_openwait", "4"),
        ("exabgp.bgp.openwait", "3"),
        ("exabgp_bgp_openwait", "2"),
    ];
    for skip in 0..sources.len() {
        let env = read(&sources[skip..], Some(file));
        assert_eq!(env.bgp.openwait, 5 - u32::try_from(skip).expect("small"));
    }
    assert_eq!(read(&[], Some(file)).bgp.openwait, 1);
    assert_eq!(read(&[], None).bgp.openwait, 60);
}

#[test]
fn the_port_to_connect_to_comes_from_variables_only() {
    let file = "[exabgp.tcp]\nport = 2000\n";
    let env = read(&[], Some(file));
    assert_eq!((env.tcp.port, env.tcp.connect_port), (2000, 179));
    let env = read(&[("exabgp_tcp_port", "1790")], Some(file));
    assert_eq!((env.tcp.port, env.tcp.connect_port), (1790, 1790));
}

#[test]
fn older_names_of_attempts_still_work_as_variables() {
    for (list, wanted) in [
        (&[("exabgp_tcp_once", "true")][..], 1),
        (&[("exabgp_tcp_once", "false")], 0),
        (
            &[("exabgp_tcp_once", "true"), ("exabgp_tcp_attempts", "7")],
            7,
        ),
        (
            &[
                ("exabgp_tcp_connections", "3"),
                ("exabgp_tcp_attempts", "7"),
            ],
            3,
        ),
    ] {
        assert_eq!(read(list, None).tcp.attempts, wanted, "{list:?}");
    }
    let file = Some(("test.env", "[exabgp.tcp]\nonce = true\n"));
    let (env, _) = Env::read([], file).expect("no fault");
    assert_eq!(env.tcp.attempts, 0);
}

#[test]
fn values_of_every_type() {
    let env = read(
        &[
            ("exabgp_daemon_umask", "0o027"),
            ("exabgp_log_level", "debug"),
            ("exabgp_log_destination", "'/var/log/x'"),
            ("exabgp_tcp_bind", "127.0.0.1 ::1"),
            ("exabgp_api_show-routes-format", "v2"),
            ("exabgp_api_ack", "NO"),
            ("exabgp_bgp_passive", "On"),
            ("exabgp_daemon_pid", "/run/x.pid"),
        ],
        None,
    );
    assert_eq!(env.daemon.umask, 0o027);
    assert_eq!(env.log.level, LogLevel::Debug);
    assert_eq!(env.log.destination, "/var/log/x");
    assert_eq!(env.tcp.bind.len(), 2);
    assert_eq!(env.api.show_routes_format, 2);
    assert!(!env.api.ack && env.bgp.passive);
    assert_eq!(env.daemon.pid.as_deref(), Some("/run/x.pid".as_ref()));
}

#[test]
fn every_error_is_reported_with_its_place() {
    let list = [
        ("exabgp_tcp_port", "70000"),
        ("exabgp_log_level", "LOUD"),
        ("exabgp_tcp_bind", "localhost"),
    ];
    let file = "[exabgp.bgp]\nopenwait = soon\nopenwait = 5\nword\n";
    let errors = Env::read(variables(&list), Some(("test.env", file))).expect_err("refused");
    assert_eq!(
        errors,
        [
            "test.env:3: `openwait` is set twice in `[exabgp.bgp]`, first on line 2",
            "test.env:4: expected `option = value`, found `word`",
            "test.env:2: `bgp.openwait` is `soon`, expected a number",
            "`exabgp_log_level` is `LOUD`, expected FATAL, CRITICAL, ERROR, WARNING, INFO, DEBUG or NOTSET",
            "`exabgp_tcp_bind` is `localhost`, expected addresses",
            "`exabgp_tcp_port` is `70000`, expected a port, 0 to 65535",
        ]
    );
}

#[test]
fn what_is_odd_is_reported_and_dead_settings_are_tolerated() {
    let file = "[exabgp.tcp]\nprot = 5\n[exabgp.debug]\nroute = x\n[exabgp.api]\nack = maybe\n[exabgp.profile]\nenable = false\n";
    let list = [
        ("exabgp_api_respwan", "true"),
        ("exabgp_api_cli", "maybe"),
        ("exabgp_cli_pipe", ""),
    ];
    let (env, warnings) = Env::read(variables(&list), Some(("test.env", file))).expect("no fault");
    assert!(!env.api.ack);
    assert_eq!(
        warnings,
        [
            "test.env:2: there is no setting `prot` in `[exabgp.tcp]`",
            "test.env:4: `route` in `[exabgp.debug]` has no effect",
            "test.env:6: `maybe` of `api.ack` is not a boolean: it means `false`",
            "`exabgp_api_respwan` is not a setting: did you mean `api.respawn`?",
            "`exabgp_api_cli` is `maybe`, which is not a boolean: it means `false`",
        ]
    );
}

/// A value for each setting that is not its default.
const OTHER: &[(&str, &str)] = &[
    ("profile.enable", "true"),
    ("profile.file", "/tmp/profile"),
    ("pdb.enable", "true"),
    ("daemon.pid", "/run/x.pid"),
    ("daemon.user", "root"),
    ("daemon.daemonize", "true"),
    ("daemon.drop", "false"),
    ("daemon.no-new-privileges", "true"),
    ("daemon.umask", "0o22"),
    ("log.enable", "false"),
    ("log.level", "DEBUG"),
    ("log.destination", "syslog"),
    ("log.all", "true"),
    ("log.configuration", "false"),
    ("log.reactor", "false"),
    ("log.daemon", "false"),
    ("log.processes", "false"),
    ("log.network", "false"),
    ("log.statistics", "false"),
    ("log.packets", "true"),
    ("log.rib", "true"),
    ("log.message", "true"),
    ("log.timers", "true"),
    ("log.routes", "true"),
    ("log.parser", "true"),
    ("log.short", "false"),
    ("tcp.once", "true"),
    ("tcp.attempts", "7"),
    ("tcp.delay", "5"),
    ("tcp.bind", "127.0.0.1 ::1"),
    ("tcp.port", "1790"),
    ("tcp.acl", "true"),
    ("bgp.passive", "true"),
    ("bgp.openwait", "9"),
    ("cache.attributes", "false"),
    ("cache.nexthops", "false"),
    ("api.ack", "false"),
    ("api.chunk", "50"),
    ("api.show-routes-format", "v2"),
    ("api.version", "6"),
    ("api.encoder", "text"),
    ("api.compact", "true"),
    ("api.respawn", "false"),
    ("api.terminate", "true"),
    ("api.cli", "false"),
    ("api.pipename", "other"),
    ("api.socketname", "another"),
    ("api.socketpath", "/tmp/x.sock"),
    ("api.full-access", "alice @netops"),
    ("api.read-only", "@monitoring"),
    ("reactor.speed", "2.5"),
];

/// Settings without effect are reported to the user who sets one.
const IDLE: &[&str] = &[
    "profile.enable",
    "profile.file",
    "pdb.enable",
    "tcp.acl",
    "cache.attributes",
    "cache.nexthops",
    "api.chunk",
    "api.encoder",
    "reactor.speed",
];

#[test]
fn every_setting_has_an_effect_or_a_warning() {
    for option in OPTIONS {
        let name = format!("{}.{}", option.section, option.name);
        let found = OTHER.iter().find(|(other, _)| *other == name);
        let value = found.unwrap_or_else(|| panic!("no value for {name}")).1;
        let idle = IDLE.contains(&name.as_str());
        // As a variable, of either spelling, and of either program.
        for prefix in ["exabgp", "oxabgp"] {
            let dotted = format!("{prefix}.{name}");
            let plain = dotted.replace('.', "_");
            for key in [dotted, plain.clone(), plain.replace('-', "_")] {
                let list = [(key.clone(), value.to_owned())];
                let (env, warnings) = Env::read(list, None).expect("a good value");
                assert_eq!(option.value(&env), value, "{key}");
                let wanted = idle.then(|| format!("`{key}` has no effect"));
                assert_eq!(warnings, Vec::from_iter(wanted), "{key}");
            }
        }
        // In a file.
        let text = format!("[exabgp.{}]\n{} = {value}\n", option.section, option.name);
        let file = Some(("test.env", text.as_str()));
        let (env, warnings) = Env::read(variables(&[]), file).expect("a good value");
        assert_eq!(option.value(&env), value, "{name}");
        let wanted = match name.as_str() {
            "tcp.once" => Some("test.env:2: `tcp.once` has no effect in a file".to_owned()),
            name => idle.then(|| format!("test.env:2: `{name}` has no effect")),
        };
        assert_eq!(warnings, Vec::from_iter(wanted), "{name}");
        // A variable overrides the file, our names override ExaBGP's, dots override underscores; default values are
        // ignored.
        let default = option.default_value();
        let keys = ["oxabgp.", "oxabgp_", "exabgp.", "exabgp_"].map(|prefix| match prefix {
            "oxabgp." | "exabgp." => format!("{prefix}{name}"),
            _ => format!("{prefix}{}", name.replace('.', "_")),
        });
        for at in 0..keys.len() {
            let rest = keys[at..].iter().enumerate();
            let list = rest.map(|(behind, key)| {
                let text = if behind == 0 { value } else { default };
                (key.clone(), text.to_owned())
            });
            let text = text.replace(value, default);
            let file = Some(("test.env", text.as_str()));
            let (env, _) = Env::read(list, file).expect("good values");
            assert_eq!(option.value(&env), value, "{}", keys[at]);
        }
    }
    assert_eq!(OTHER.len(), OPTIONS.len());
}

#[test]
fn hidden_settings_of_exabgp_have_a_warning() {
    for name in [
        "pdb",
        "memory",
        "configuration",
        "selfcheck",
        "route",
        "defensive",
        "rotate",
    ] {
        let key = format!("exabgp_debug_{name}");
        let (_, warnings) = Env::read([(key.clone(), "true".to_owned())], None).expect("no fault");
        assert_eq!(warnings, [format!("`{key}` has no effect")]);
    }
}

#[test]
fn every_setting_is_listed_with_what_it_does_here() {
    let env = Env::default();
    let own = env.dump_own(Form::Variables, false);
    assert_eq!(own.lines().count(), OPTIONS.len());
    for line in [
        "exabgp.log.destination='stderr'",
        "exabgp.api.socketname=''",
        "exabgp.api.socketpath=''",
        "exabgp.api.version=5",
    ] {
        assert!(own.lines().any(|found| found == line), "{line}\n{own}");
    }
    // It is read back as the same settings, except for the name of the log's destination.
    let mut again = read(&[], Some(&env.dump_own(Form::File, false)));
    again.log.destination.clone_from(&env.log.destination);
    again.search.clone_from(&env.search);
    assert_eq!(again, env);
    assert_eq!(env.dump_own(Form::Variables, true), "");
    let env = read(
        &[
            ("oxabgp_api_socketpath", "/x/y"),
            ("oxabgp_api_socketname", "z"),
        ],
        None,
    );
    assert_eq!(
        env.dump_own(Form::Variables, true),
        "exabgp.api.socketname='z'\nexabgp.api.socketpath='/x/y'\n"
    );
}

#[test]
fn variables_that_name_no_setting_are_reported() {
    for (key, wanted) in [
        (
            "oxabgp_log",
            "`oxabgp_log` is not a setting: write `oxabgp_log_enable` or another setting of `log`",
        ),
        (
            "exabgp_log",
            "`exabgp_log` is not a setting: write `exabgp_log_enable` or another setting of `log`",
        ),
        (
            "oxabgp_logg_level",
            "`oxabgp_logg_level` is not a setting: did you mean a setting of `log`?",
        ),
        (
            "oxabgp_frobnicate",
            "`oxabgp_frobnicate` is not a setting: `oxabgp env` lists them all",
        ),
        (
            "oxabgp_log_levle",
            "`oxabgp_log_levle` is not a setting: did you mean `log.level`?",
        ),
    ] {
        let (_, warnings) = Env::read(variables(&[(key, "!!!")]), None).expect("no error");
        assert_eq!(warnings, [wanted]);
    }
    // Variables of other programs are ignored.
    let (_, warnings) = Env::read(
        variables(&[("exabgp_version", "5"), ("exabgp_own", "1")]),
        None,
    )
    .expect("good");
    assert!(warnings.is_empty(), "{warnings:?}");
}
