//! `oxabgp top`: a live view of neighbors and helpers in a terminal, from the status that the daemon reports once a second.
//!
//! crossterm has the terminal; the view is a table of lines that fit its width, so no more is needed.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Color, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue};
use serde_json::Value;

use super::shell::{self, Link};
use super::{ControlArgs, REFUSED};

/// Width of the output if it is not a terminal.
const WIDTH: usize = 100;

// Options of `top`.
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// Print the table once and exit; the default if standard output is not a terminal.
    #[arg(long)]
    once: bool,
    /// Seconds between updates.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// The name of the daemon's socket. Default: the setting `api.socketname`.
    #[arg(long, value_name = "NAME")]
    pipename: Option<String>,
    /// The path of the daemon's control socket.
    #[arg(long, value_name = "PATH", conflicts_with = "pipename")]
    socket: Option<PathBuf>,
}

pub(super) fn run(args: TopArgs, env_file: Option<PathBuf>) -> ExitCode {
    let control = ControlArgs {
        pipename: args.pipename,
        socket: args.socket,
        json: false,
        command: Vec::new(),
    };
    let mut link = match shell::open(&control, env_file) {
        Ok(link) => link,
        Err(code) => return code,
    };
    let ended = if args.once || !io::stdout().is_terminal() {
        let width = terminal::size().map_or(WIDTH, |(width, _)| usize::from(width));
        ask(&mut link).map(|status| {
            for line in lines(&status, None, width) {
                outln!("{}", line.text);
            }
        })
    } else {
        live(&mut link, Duration::from_secs(args.interval))
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            errln!("error: {}", shell::explain(&cause));
            ExitCode::from(REFUSED)
        }
    }
}

/// The status that the daemon reports.
fn ask(link: &mut Link) -> io::Result<Value> {
    let mut text = Vec::new();
    link.ask("system status", &mut |line| {
        text.extend_from_slice(line);
        text.push(b'\n');
        Ok(())
    })?;
    serde_json::from_slice(&text).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the daemon does not report its status: is it older than this program?",
        )
    })
}

/// A line of the view.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    text: String,
    color: Option<Color>,
    head: bool,
}

impl Line {
    fn new(text: String, width: usize) -> Self {
        Self {
            text: fit(&text, width),
            color: None,
            head: false,
        }
    }
}

/// A text cut to a width, without control characters.
fn fit(text: &str, width: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut fitted: String = clean.take(width).collect();
    if text.chars().count() > width && width > 0 {
        fitted.pop();
        fitted.push('…');
    }
    fitted.truncate(fitted.trim_end().len());
    fitted
}

/// The view of a status; rates are the difference to an earlier one, with the seconds between both.
fn lines(status: &Value, before: Option<(&Value, f64)>, width: usize) -> Vec<Line> {
    let empty = Vec::new();
    let list = |key: &str| status[key].as_array().unwrap_or(&empty).clone();
    let (mut neighbors, helpers) = (list("neighbors"), list("processes"));
    let is_up = |neighbor: &Value| neighbor["up"] == true;
    let up = neighbors.iter().filter(|neighbor| is_up(neighbor)).count();
    let mut all = Vec::new();
    let mut plain = |text: String| all.push(Line::new(text, width));
    plain(format!(
        "oxabgp {}  up {}  {up} of {} sessions established  longest turn {} ms{}",
        status["version"].as_str().unwrap_or_default(),
        span(number(&status["uptime"])),
        neighbors.len(),
        (status["longest-turn"].as_f64().unwrap_or(0.0) * 1_000.0).round(),
        match status["longest-turns"][0]["work"].as_str() {
            Some(work) => format!(" ({work})"),
            None => String::new(),
        }
    ));
    plain(String::new());
    let address = neighbors
        .iter()
        .filter_map(|neighbor| neighbor["peer"].as_str())
        .map(|address| address.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(8, 39);
    all.push(Line {
        head: true,
        ..Line::new(
            format!(
                "{:address$} {:>10} {:11} {:>9} {:>9} {:>9} {:>7} {:>6}  LAST ERROR",
                "NEIGHBOR", "AS", "STATE", "FOR", "OUT", "IN", "MSG/S", "FLAPS"
            ),
            width,
        )
    });
    neighbors.sort_by_key(is_up);
    for neighbor in &neighbors {
        let rate = before.and_then(|(old, seconds)| rate(neighbor, old, seconds));
        let text = format!(
            "{:address$} {:>10} {:11} {:>9} {:>9} {:>9} {:>7} {:>6}  {}",
            neighbor["peer"].as_str().unwrap_or_default(),
            neighbor["peer-as"].as_str().unwrap_or_default(),
            neighbor["state"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase(),
            span(number(&neighbor["since"])),
            sum(&neighbor["routes"]["out"]),
            match &neighbor["routes"]["in"] {
                Value::Object(_) => sum(&neighbor["routes"]["in"]).to_string(),
                _ => "-".to_owned(),
            },
            rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
            number(&neighbor["flaps"]),
            neighbor["last-error"]["text"].as_str().unwrap_or_default(),
        );
        all.push(Line {
            color: (!is_up(neighbor)).then_some(Color::Red),
            ..Line::new(text, width)
        });
    }
    if !helpers.is_empty() {
        all.push(Line::new(String::new(), width));
        all.push(Line {
            head: true,
            ..Line::new(
                format!(
                    "{:16} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8}",
                    "HELPER", "PID", "RESTARTS", "QUEUE", "COMMANDS", "REFUSED", "DROPPED"
                ),
                width,
            )
        });
        all.extend(helpers.iter().map(|helper| self::helper(helper, width)));
    }
    all
}

fn helper(helper: &Value, width: usize) -> Line {
    let up = helper["up"] == true;
    let text = format!(
        "{:16} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8}",
        helper["name"].as_str().unwrap_or_default(),
        helper["pid"]
            .as_u64()
            .map_or_else(|| "down".to_owned(), |pid| pid.to_string()),
        number(&helper["restarts"]),
        number(&helper["queue-bytes"]),
        number(&helper["commands-done"]),
        number(&helper["commands-refused"]),
        number(&helper["events-dropped"]),
    );
    Line {
        color: (!up).then_some(Color::Red),
        ..Line::new(text, width)
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn sum(counts: &Value) -> u64 {
    let counts = counts
        .as_object()
        .into_iter()
        .flat_map(|counts| counts.values());
    counts.map(number).sum()
}

/// Messages per second of a neighbor since an earlier status.
fn rate(neighbor: &Value, old: &Value, seconds: f64) -> Option<f64> {
    let same = |other: &&Value| {
        other["peer"] == neighbor["peer"] && other["neighbor"] == neighbor["neighbor"]
    };
    let old = old["neighbors"].as_array()?.iter().find(same)?;
    let total = |neighbor: &Value| {
        number(&neighbor["messages-received"]) + number(&neighbor["messages-sent"])
    };
    let count = total(neighbor).saturating_sub(total(old));
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    (seconds > 0.0).then(|| f64::from(count) / seconds)
}

/// A duration in at most nine characters.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match days {
        0 => format!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{days}d{hours:02}h"),
    }
}

/// Restores the terminal, whatever ends the view.
struct Screen;

impl Screen {
    fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nothing to be done about a terminal that is gone.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = terminal::disable_raw_mode();
    }
}

/// Shows the view until `q` is pressed.
fn live(link: &mut Link, interval: Duration) -> io::Result<()> {
    let _screen = Screen::open()?;
    let mut last: Option<(Value, Instant)> = None;
    let mut offset = 0;
    loop {
        let status = ask(link)?;
        let now = Instant::now();
        let before = last.as_ref();
        let before = before.map(|(old, at)| (old, now.duration_since(*at).as_secs_f64()));
        loop {
            let (width, height) = terminal::size()?;
            let all = lines(&status, before, width.into());
            let room = usize::from(height).saturating_sub(2);
            offset = offset.min(all.len().saturating_sub(room));
            draw(&all[offset..], room)?;
            let left = (now + interval).saturating_duration_since(Instant::now());
            if !event::poll(left)? {
                break;
            }
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                        return Ok(());
                    }
                    KeyCode::Down | KeyCode::Char('j') => offset += 1,
                    KeyCode::Up | KeyCode::Char('k') => offset = offset.saturating_sub(1),
                    KeyCode::PageDown | KeyCode::Char(' ') => offset += room,
                    KeyCode::PageUp => offset = offset.saturating_sub(room),
                    KeyCode::Home => offset = 0,
                    _ => {}
                },
                _ => {}
            }
        }
        last = Some((status, now));
    }
}

fn draw(lines: &[Line], room: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    queue!(out, cursor::MoveTo(0, 0))?;
    for line in lines.iter().take(room) {
        if line.head {
            queue!(out, SetAttribute(Attribute::Reverse))?;
        }
        if let Some(color) = line.color {
            queue!(out, SetForegroundColor(color))?;
        }
        write!(out, "{}", line.text)?;
        queue!(
            out,
            SetAttribute(Attribute::Reset),
            ResetColor,
            Clear(ClearType::UntilNewLine)
        )?;
        write!(out, "\r\n")?;
    }
    queue!(out, Clear(ClearType::FromCursorDown))?;
    let mut help = String::new();
    // Writing to a string cannot fail.
    let _ = write!(help, "q quit  ↑ ↓ scroll");
    write!(out, "{help}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_the_terminal() {
        let status = serde_json::json!({
            "version": "0.1.0", "uptime": 90_061, "longest-turn": 0.0123,
            "neighbors": [
                { "peer": "192.0.2.1", "peer-as": "65000", "state": "ESTABLISHED", "up": true, "since": 61,
                  "flaps": 2, "messages-received": 100, "messages-sent": 20, "routes": { "out": { "ipv4 unicast": 7 } } },
                { "peer": "2001:db8::1", "peer-as": "4200000000", "state": "IDLE", "up": false, "since": 5,
                  "flaps": 0, "routes": { "out": {}, "in": { "ipv4 unicast": 1, "ipv6 unicast": 2 } },
                  "last-error": { "text": "Cease \u{1b}[31m, a long text that does not fit into a narrow terminal" } },
            ],
            "processes": [ { "name": "helper", "up": true, "pid": 7, "restarts": 1 } ],
        });
        for width in [0, 10, 40, 80, 200] {
            for line in lines(&status, None, width) {
                assert!(line.text.chars().count() <= width, "{width}: {}", line.text);
                assert!(!line.text.contains('\u{1b}'));
            }
        }
        let mut old = status.clone();
        old["neighbors"][0]["messages-received"] = 80.into();
        let all = lines(&status, Some((&old, 2.0)), 200);
        // The one that is down comes first.
        assert!(
            all[3].text.starts_with("2001:db8::1 4200000000 idle"),
            "{}",
            all[3].text
        );
        assert_eq!(all[3].color, Some(Color::Red));
        let words: Vec<&str> = all[4].text.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "192.0.2.1",
                "65000",
                "established",
                "00:01:01",
                "7",
                "-",
                "10",
                "2"
            ]
        );
        assert!(all[7].text.starts_with("helper"), "{}", all[7].text);
    }
}
