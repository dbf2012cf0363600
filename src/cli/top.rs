//! `oxabgp top`: a live view of neighbors and helpers in a terminal, from the status that the daemon reports once a second.
//!
//! crossterm has the terminal; the view is a table of lines that fit its width, so no more is needed.

use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Color, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue};
use nix::sys::signal::{SigSet, Signal, raise};
use serde_json::Value;

use super::REFUSED;
use super::shell::{self, Link, Lost};

mod view;

use view::{HEAD, Line, lines};

/// Options of `top`.
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
    let env = match super::settings(env_file) {
        Ok(env) => env,
        Err(code) => return code,
    };
    let find = || Link::find(args.socket.clone(), args.pipename.as_deref(), &env);
    let mut link = match find() {
        Ok(link) => link,
        Err(lost) => return shell::report_lost(lost),
    };
    let is_terminal = io::stdout().is_terminal();
    let ended = if args.once || !is_terminal {
        // What is not for a terminal is not cut.
        let width = match terminal::size() {
            Ok((width, _)) if is_terminal => usize::from(width),
            _ => usize::MAX,
        };
        ask(Some(&mut link)).map(|status| {
            for line in lines(&status, None, width) {
                outln!("{}", line.text);
            }
        })
    } else {
        live(link, &find, Duration::from_secs(args.interval))
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
fn ask(link: Option<&mut Link>) -> io::Result<Value> {
    let link = link.ok_or(io::ErrorKind::NotConnected)?;
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

/// Restores the terminal, whatever ends the view.
struct Screen;

impl Screen {
    fn open() -> io::Result<Self> {
        restore_at_signals()?;
        terminal::enable_raw_mode()?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore(&mut io::stdout());
    }
}

fn restore(out: &mut impl io::Write) {
    // There is nothing to be done about a terminal that is gone.
    let _ = execute!(out, LeaveAlternateScreen, cursor::Show);
    let _ = terminal::disable_raw_mode();
}

/// Lets a thread wait for the signals that end the program: it restores the terminal first.
fn restore_at_signals() -> io::Result<()> {
    let signals: SigSet = [
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
    ]
    .into_iter()
    .collect();
    // Also for threads that are started later.
    signals.thread_block()?;
    let wait = move || {
        let Ok(signal) = signals.wait() else { return };
        // As long as this is held, nothing is drawn.
        let mut out = io::stdout().lock();
        restore(&mut out);
        // The parent process learns which signal it was.
        let _ = signals.thread_unblock();
        let _ = raise(signal);
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)?;
    Ok(())
}

/// What is shown, and since when.
struct Shown {
    status: Value,
    at: Instant,
    /// The status before, for rates.
    before: Option<(Value, f64)>,
}

/// Shows the view until `q` is pressed. A daemon that goes away is looked for until it is back.
fn live(link: Link, find: &dyn Fn() -> Result<Link, Lost>, interval: Duration) -> io::Result<()> {
    let mut link = Some(link);
    let mut shown = Shown {
        status: ask(link.as_mut())?,
        at: Instant::now(),
        before: None,
    };
    let _screen = Screen::open()?;
    let mut offset = 0;
    loop {
        let looked = Instant::now();
        while let Some(left) = interval.checked_sub(looked.elapsed()) {
            let lost = link.is_none().then(|| shown.at.elapsed());
            let room = draw(&shown, &mut offset, lost)?;
            if !event::poll(left)? {
                break;
            }
            // All keys that were pressed, before the view is drawn again.
            while event::poll(Duration::ZERO)? {
                if let Event::Key(key) = event::read()?
                    && key.kind != KeyEventKind::Release
                    && !scroll(key, &mut offset, room)
                {
                    return Ok(());
                }
            }
        }
        if link.is_none() {
            link = find().ok();
            // Counters have begun again.
            shown.before = None;
        }
        match ask(link.as_mut()) {
            Ok(status) => {
                let now = Instant::now();
                let seconds = now.duration_since(shown.at).as_secs_f64();
                let same = shown.status["pid"] == status["pid"];
                let old = std::mem::replace(&mut shown.status, status);
                (shown.before, shown.at) = (same.then_some((old, seconds)), now);
            }
            Err(_) => link = None,
        }
    }
}

/// Moves the view. Returns `false` if the key ends it.
fn scroll(key: KeyEvent, offset: &mut usize, room: usize) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Down | KeyCode::Char('j') => *offset += 1,
        KeyCode::Up | KeyCode::Char('k') => *offset = offset.saturating_sub(1),
        KeyCode::PageDown | KeyCode::Char(' ') => *offset += room,
        KeyCode::PageUp => *offset = offset.saturating_sub(room),
        KeyCode::Home => *offset = 0,
        // As far as possible.
        KeyCode::End => *offset = usize::MAX,
        _ => {}
    }
    true
}

/// Draws the view from a line on: the title and the head of the table stay. `lost` is how long ago the daemon has answered last.
/// Returns the number of lines that can be scrolled.
fn draw(shown: &Shown, offset: &mut usize, lost: Option<Duration>) -> io::Result<usize> {
    let (width, height) = terminal::size()?;
    let (width, height) = (usize::from(width), usize::from(height));
    let before = shown.before.as_ref().map(|(old, seconds)| (old, *seconds));
    let all = lines(&shown.status, before, width);
    let (head, rest) = all.split_at(HEAD.min(all.len()));
    let room = height.saturating_sub(HEAD + 1);
    *offset = (*offset).min(rest.len().saturating_sub(room));
    let end = (*offset + room).min(rest.len());
    let mut visible: Vec<&Line> = head.iter().chain(&rest[*offset..end]).collect();
    visible.truncate(height.saturating_sub(1));
    let last = match lost {
        None if rest.len() > room => {
            let of = format!("lines {} to {end} of {}", *offset + 1, rest.len());
            Line::new(format!("q quit  ↑ ↓ scroll  {of}"), width)
        }
        None => Line::new("q quit".to_owned(), width),
        Some(lost) => Line {
            color: Some(Color::Red),
            ..Line::new(
                format!(
                    "q quit  the daemon has not answered for {} s, looking for it",
                    lost.as_secs()
                ),
                width,
            )
        },
    };
    let mut out = io::stdout().lock();
    for (row, line) in visible.into_iter().chain([&last]).enumerate() {
        let row = u16::try_from(row).unwrap_or(u16::MAX);
        queue!(out, cursor::MoveTo(0, row))?;
        if line.head {
            queue!(out, SetAttribute(Attribute::Reverse))?;
        }
        if let Some(color) = line.color {
            queue!(out, SetForegroundColor(color))?;
        }
        write!(out, "{}", line.text)?;
        queue!(out, SetAttribute(Attribute::Reset), ResetColor)?;
        // Behind the last column, terminals would clear that.
        if line.text.chars().count() < width {
            queue!(out, Clear(ClearType::UntilNewLine))?;
        }
    }
    if all.len() < height {
        queue!(out, Clear(ClearType::FromCursorDown))?;
    }
    out.flush()?;
    Ok(room)
}
