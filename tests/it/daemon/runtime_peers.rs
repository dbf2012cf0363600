//! Neighbors created by commands.

use super::{announced, listener, process, session};
use crate::support::daemon::{Daemon, Lab};

#[test]
fn a_command_makes_a_neighbour_that_a_reload_leaves_alone_and_another_removes_it() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let [answers, go, end] = ["answers", "go", "end"].map(|name| lab.path(name));
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\n\
         echo 'peer create 127.0.0.1 local-address 127.0.0.1 local-as 65000 peer-as 65001 router-id 10.0.0.1'\n\
         echo 'peer create 127.0.0.1 local-address 127.0.0.1 local-as 65000 peer-as 65001 router-id 10.0.0.1'\n\
         echo 'peer delete 127.0.0.9'\n\
         while [ ! -e {} ]; do sleep 0.05; done\n\
         echo 'peer 127.0.0.1 announce route 10.0.0.0/8 next-hop self'\n\
         while [ ! -e {} ]; do sleep 0.05; done\n\
         echo 'peer delete 127.0.0.1'\nwait",
        answers.display(),
        go.display(),
        end.display()
    );
    let other = "neighbor 127.0.0.9 { router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65009; passive; \
                 api { processes [ helper ]; } }\n";
    let configuration = process(&lab, "helper", &script) + other;
    let settings = [("exabgp_tcp_port", &*port.to_string())];
    let daemon = Daemon::start_with(&lab, &configuration, &settings);
    let mut peer = session(&listener);
    daemon.signal("USR1");
    daemon.logged("the configuration is reloaded");
    lab.write("go", "");
    announced(&mut peer, &[8, 10]);
    lab.write("end", "");
    assert_eq!(peer.expect_notification().code, 6);
    let lines = lab.lines("answers", |lines| lines.len() >= 5);
    assert_eq!(lines, ["done", "error", "error", "done", "done"]);
}
