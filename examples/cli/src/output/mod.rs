//! What the command shows: text for people, JSON for scripts.

pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod units;

use crate::args::{Color, Global};
use crate::exit::{Exit, Failure, Result};
use indicatif::ProgressBar;
use serde_json::Value;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use strongroom::Problem;
use table::Table;

/// Standard output and standard error, and what may be written to them.
#[derive(Debug)]
pub(crate) struct Ui {
    json: bool,
    quiet: bool,
    verbose: bool,
    color_out: bool,
    color_err: bool,
    progress: bool,
    /// Standard output carries content, so everything said goes to standard error.
    content: AtomicBool,
    out: Mutex<BufWriter<Stdout>>,
    out_is_terminal: bool,
    /// Whoever read the content went away.
    reader_gone: AtomicBool,
    bar: Mutex<Option<ProgressBar>>,
}

/// The few colours in use.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Paint {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

/// Problems that are shown one by one unless more are asked for.
const SHOWN_PROBLEMS: usize = 20;

impl Ui {
    pub(crate) fn new(global: &Global) -> Arc<Self> {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = |terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !plain,
        };
        Arc::new(Ui {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            color_out: color(out),
            color_err: color(err),
            progress: !global.quiet && !global.no_progress,
            content: AtomicBool::new(false),
            out: Mutex::new(BufWriter::new(io::stdout())),
            out_is_terminal: out,
            reader_gone: AtomicBool::new(false),
            bar: Mutex::new(None),
        })
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether progress is wanted at all.
    pub(crate) fn wants_progress(&self) -> bool {
        self.progress
    }

    /// From here on standard output carries content and nothing else.
    pub(crate) fn content_on_stdout(&self) {
        self.content.store(true, Ordering::Release);
    }

    /// A line that was asked for. Shown in quiet mode too, and not in JSON mode.
    pub(crate) fn data(&self, line: &str) -> Result {
        if self.json {
            return Ok(());
        }
        self.write_line(line).map_err(Failure::output)
    }

    /// A table that was asked for.
    pub(crate) fn table(&self, table: &Table) -> Result {
        for (number, line) in table.lines().iter().enumerate() {
            if number == 0 { self.data(&self.paint(Paint::Bold, line))? } else { self.data(line)? }
        }
        Ok(())
    }

    /// A line about what was done: left out in quiet and in JSON mode. That nobody reads it stops nothing.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet && !self.json {
            let _ = self.write_line(line);
        }
    }

    /// One JSON object on a line of its own, in JSON mode only.
    pub(crate) fn json(&self, object: &Value) -> Result {
        if self.json { self.write_line(&object.to_string()).map_err(Failure::output) } else { Ok(()) }
    }

    /// A line on standard error that does not get in the way of scripts: left out in quiet and in JSON mode.
    pub(crate) fn note(&self, line: &str) {
        if !self.quiet && !self.json {
            self.stderr_line(line);
        }
    }

    /// A line on standard error for whoever sits there, whatever the mode.
    pub(crate) fn stderr_line(&self, line: &str) {
        // Nobody may be there to read it, which is no reason to stop.
        self.around_bar(|| drop(writeln!(io::stderr(), "{line}")));
    }

    /// Something that does not stop the command, and that its user should know.
    pub(crate) fn warn(&self, message: &str) {
        if self.json {
            let _ = self.json(&json::warning(message));
        } else {
            self.stderr_line(&format!("{} {}", self.paint_err(Paint::Yellow, "warning:"), text::message(message)));
        }
    }

    /// Shows problems: all of them in JSON and in verbose mode.
    pub(crate) fn problems(&self, problems: &[Problem], count: u64) {
        if self.json {
            for problem in problems {
                let _ = self.json(&json::problem(problem));
            }
            return;
        }
        let shown = if self.verbose { problems.len() } else { problems.len().min(SHOWN_PROBLEMS) };
        for problem in problems.iter().take(shown) {
            let path = if problem.path.is_root() { b".".to_vec() } else { problem.path.to_os_bytes() };
            let reason = problem.reason.name().replace('_', " ");
            let line = format!("{}: {reason}: {}", text::printable(&path), text::message(&problem.detail));
            self.stderr_line(&format!("{} {line}", self.paint_err(Paint::Yellow, "problem:")));
        }
        let left = count.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
        if left > 0 {
            let how = if shown == problems.len() { "" } else { "; --verbose shows more" };
            self.stderr_line(&format!("and {} more{how}", units::counted(left, "problem", "problems")));
        }
    }

    /// Shows why the command failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.exit == Exit::Pipe {
            return;
        }
        if self.json {
            let _ = self.json(&json::failure(failure));
            return;
        }
        let message = text::message(&failure.message);
        self.stderr_line(&format!("{} {message}", self.paint_err(Paint::Red, "error:")));
        if self.verbose
            && let Some(error) = &failure.error
        {
            let mut cause = std::error::Error::source(error.as_ref());
            while let Some(inner) = cause {
                let line = text::message(&inner.to_string());
                self.stderr_line(&format!("{} {line}", self.paint_err(Paint::Dim, "cause:")));
                cause = inner.source();
            }
        }
        if let Some(hint) = &failure.hint {
            self.stderr_line(&format!(" {} {}", self.paint_err(Paint::Cyan, "hint:"), text::message(hint)));
        }
    }

    /// Colours text for standard output.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        if self.color_out { painted(paint, text) } else { text.to_owned() }
    }

    /// Colours text for standard error.
    pub(crate) fn paint_err(&self, paint: Paint, text: &str) -> String {
        if self.color_err { painted(paint, text) } else { text.to_owned() }
    }

    /// Whether whoever read the content went away before its end.
    pub(crate) fn is_reader_gone(&self) -> bool {
        self.reader_gone.load(Ordering::Acquire)
    }

    /// Hands over what is still buffered.
    pub(crate) fn flush(&self) -> Result {
        self.locked_out().flush().map_err(Failure::output)
    }

    /// The same on the way out of the program, when whoever writes may be stuck.
    pub(crate) fn flush_if_free(&self) {
        if let Ok(mut out) = self.out.try_lock() {
            let _ = out.flush();
        }
    }

    /// Standard output for content, locked for the whole of it.
    pub(crate) fn content(&self) -> impl Write + Send + '_ {
        Content(self)
    }

    pub(crate) fn set_bar(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        if self.content.load(Ordering::Acquire) {
            let mut written = Ok(());
            self.around_bar(|| written = writeln!(io::stderr(), "{line}"));
            return written;
        }
        let mut written = Ok(());
        let write = || {
            let mut out = self.locked_out();
            writeln!(out, "{line}")?;
            // A person watches, or a script reads what happens while it happens.
            if self.out_is_terminal || self.json { out.flush() } else { Ok(()) }
        };
        if self.out_is_terminal {
            self.around_bar(|| written = write())
        } else {
            written = write()
        }
        written
    }

    /// Writes while the progress bar, if there is one, is out of the way.
    fn around_bar(&self, write: impl FnOnce()) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn locked_out(&self) -> std::sync::MutexGuard<'_, BufWriter<Stdout>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn painted(paint: Paint, text: &str) -> String {
    let code = match paint {
        Paint::Bold => 1,
        Paint::Dim => 2,
        Paint::Red => 31,
        Paint::Green => 32,
        Paint::Yellow => 33,
        Paint::Cyan => 36,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Bytes on their way to standard output.
struct Content<'a>(&'a Ui);

impl Write for Content<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.locked_out().write(bytes).inspect_err(|error| self.note(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.locked_out().flush().inspect_err(|error| self.note(error))
    }
}

impl Content<'_> {
    /// The library reports a failed write as its own error, which hides what lies behind it.
    fn note(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.0.reader_gone.store(true, Ordering::Release);
        }
    }
}
