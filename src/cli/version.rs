//! `oxabgp version`.

use std::process::ExitCode;

use super::exabgp;

/// Prints the version in ExaBGP's format, which scripts parse.
pub(super) fn run() -> ExitCode {
    let uname = nix::sys::utsname::uname();
    let part = |part: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        uname
            .as_ref()
            .map(|uname| part(uname).to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let program = std::env::current_exe()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let own = env!("CARGO_PKG_VERSION");
    if exabgp::is_exabgp() {
        // Tools parse the first line.
        let version = std::env::var("exabgp_version").ok();
        let version = version.filter(|version| !version.is_empty());
        outln!(
            "ExaBGP : {}",
            version
                .as_deref()
                .unwrap_or(crate::api::command::COMPATIBLE)
        );
        outln!("oxabgp : {own}");
    } else {
        outln!("oxabgp : {own}");
        outln!(
            "ExaBGP : {} (compatible with)",
            crate::api::command::COMPATIBLE
        );
    }
    outln!(
        "Uname  : {} {} {} {} {}",
        part(nix::sys::utsname::UtsName::sysname),
        part(nix::sys::utsname::UtsName::nodename),
        part(nix::sys::utsname::UtsName::release),
        part(nix::sys::utsname::UtsName::version),
        part(nix::sys::utsname::UtsName::machine),
    );
    outln!("From   : {program}");
    outln!("Commit : {}", env!("OXABGP_BUILD_COMMIT"));
    outln!("Rustc  : {}", env!("OXABGP_BUILD_RUSTC"));
    outln!("Feature: {}", env!("OXABGP_BUILD_FEATURES"));
    ExitCode::SUCCESS
}
