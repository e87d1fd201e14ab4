//! Progress of an operation: a bar for people who watch, a line a second for scripts.

use super::text::{printable, shorten, width};
use super::units::{counted, percent, rate, size, span};
use super::{Ui, json};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use strongroom::{CancelToken, Context, EntryKind, EntrySource, FileSource, Phase, Progress, SourceItem};

/// How often scripts hear of progress.
const JSON_EVERY: Duration = Duration::from_secs(1);
/// How long it takes until a rate says something about the time left.
const SETTLED: Duration = Duration::from_secs(2);
/// How long a path stays on display when nothing is said of another one.
const NAMED_FOR: Duration = Duration::from_secs(1);
/// How much of the past the rate is taken from.
const WINDOW: Duration = Duration::from_secs(8);

/// Follows one operation. The bar goes away when this is dropped.
pub(crate) struct Monitor {
    ui: Arc<Ui>,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
    /// What a count of the source beforehand found so far, where nothing else knows the totals.
    count: Mutex<Option<PreCount>>,
}

#[derive(Default)]
struct State {
    samples: VecDeque<(Instant, u64)>,
    told: Option<Instant>,
    /// When a path was last shown.
    named: Option<Instant>,
    has_total: bool,
}

impl Monitor {
    pub(crate) fn new(ui: &Arc<Ui>) -> Arc<Self> {
        let watched = ui.wants_progress() && !ui.is_json() && std::io::stderr().is_terminal();
        let bar = watched.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style(false));
            // Until the operation has something to say.
            bar.set_message(Phase::Preparing.name());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        ui.set_bar(bar.clone());
        Arc::new(Monitor { ui: ui.clone(), bar, state: Mutex::default(), count: Mutex::new(None) })
    }

    /// Whether somebody or something follows it.
    pub(crate) fn is_watched(&self) -> bool {
        self.bar.is_some() || (self.ui.is_json() && self.ui.wants_progress())
    }

    /// Counts what `source` yields, on a thread of its own, once it turns out that the totals are not known.
    pub(crate) fn count_with(&self, source: FileSource) {
        if self.is_watched() {
            *self.count.lock().unwrap_or_else(PoisonError::into_inner) = Some(PreCount::new(source));
        }
    }

    /// The context's progress sink.
    pub(crate) fn attach(self: &Arc<Self>, ctx: Context) -> Context {
        if !self.is_watched() {
            return ctx;
        }
        let monitor = self.clone();
        ctx.progress(move |progress: &Progress| monitor.show(progress))
    }

    fn show(&self, progress: &Progress) {
        let (mut entries, mut bytes) = (progress.total_entries, progress.total_bytes);
        if bytes.is_none() && progress.phase == Phase::BackingUp {
            let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((counted_entries, counted_bytes)) = count.as_mut().and_then(PreCount::totals) {
                (entries, bytes) = (Some(counted_entries), Some(counted_bytes));
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.bar {
            Some(bar) => draw(bar, &mut state, progress, bytes),
            None => {
                let now = Instant::now();
                if state.told.is_none_or(|told| now.duration_since(told) >= JSON_EVERY) {
                    state.told = Some(now);
                    let _ = self.ui.json(&json::progress(progress, entries, bytes));
                }
            }
        }
    }

    /// Takes the bar away; what follows is the summary.
    pub(crate) fn finish(&self) {
        // Dropping it stops the count.
        self.count.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            self.ui.set_bar(None);
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.finish();
    }
}

fn style(has_total: bool) -> ProgressStyle {
    let template =
        if has_total { "{spinner} [{bar:16}] {wide_msg}\n  {prefix}" } else { "{spinner} {wide_msg}\n  {prefix}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

fn draw(bar: &ProgressBar, state: &mut State, progress: &Progress, total: Option<u64>) {
    let total = total.filter(|total| *total > 0);
    let per_second = state.rate(progress);
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col));
    // Spinner, bar and the spaces between.
    let beside = if total.is_some() { 22 } else { 3 };
    bar.set_message(line(progress, total, per_second, columns.saturating_sub(beside)));
    if total.is_some() != state.has_total {
        state.has_total = total.is_some();
        bar.set_style(style(state.has_total));
    }
    if let Some(total) = total {
        bar.set_length(total);
        bar.set_position(progress.bytes.min(total));
    }
    let now = Instant::now();
    if let Some(current) = &progress.current {
        state.named = Some(now);
        bar.set_prefix(shorten(&printable(current.as_bytes()), columns.saturating_sub(3)));
    } else if state.named.is_some_and(|named| now.duration_since(named) > NAMED_FOR) {
        bar.set_prefix("");
    }
}

impl State {
    /// Bytes a second over the last seconds.
    fn rate(&mut self, progress: &Progress) -> Option<u64> {
        let now = Instant::now();
        self.samples.push_back((now, progress.bytes));
        while self.samples.len() > 2 && self.samples.get(1).is_some_and(|(then, _)| now.duration_since(*then) > WINDOW)
        {
            self.samples.pop_front();
        }
        let (then, before) = *self.samples.front()?;
        let milliseconds = u64::try_from(now.duration_since(then).as_millis()).ok()?;
        if milliseconds < 200 {
            return None;
        }
        Some(progress.bytes.saturating_sub(before).saturating_mul(1000) / milliseconds)
    }
}

/// The line beside the bar: what matters most first, and as much of it as fits.
fn line(progress: &Progress, total: Option<u64>, per_second: Option<u64>, columns: usize) -> String {
    let phase = match progress.phase {
        Phase::BackingUp => "backing up",
        other => other.name(),
    };
    let mut parts = Vec::new();
    match total {
        Some(total) => {
            parts.push(percent(progress.bytes.min(total), total));
            parts.push(format!("{} of {}", size(progress.bytes), size(total)));
        }
        None => {
            parts.push(phase.to_owned());
            parts.push(size(progress.bytes));
        }
    }
    if let Some(per_second) = per_second {
        parts.push(rate(per_second, Duration::from_secs(1)));
    }
    parts.push(match (total, per_second) {
        (Some(total), Some(1..)) if progress.elapsed > SETTLED => {
            let left = total.saturating_sub(progress.bytes) / per_second.unwrap_or(1);
            format!("{} left", short_span(Duration::from_secs(left)))
        }
        _ => short_span(progress.elapsed),
    });
    if progress.problems > 0 {
        parts.push(counted(progress.problems, "problem", "problems"));
    }
    if matches!(progress.phase, Phase::BackingUp | Phase::Copying | Phase::Finishing) {
        parts.push(format!("{} new", size(progress.new_bytes)));
    }
    parts.push(counted(progress.entries, "entry", "entries"));
    let mut line = String::new();
    for part in parts {
        if !line.is_empty() && width(&line) + 2 + width(&part) > columns {
            break;
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(&part);
    }
    line
}

/// Whole seconds, so that the line does not flicker.
fn short_span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        _ => span(time),
    }
}

/// Goes through a source ahead of the backup, to learn how much there is.
struct PreCount {
    source: Option<FileSource>,
    stop: CancelToken,
    result: Arc<Mutex<Option<(u64, u64)>>>,
}

impl PreCount {
    fn new(source: FileSource) -> Self {
        PreCount { source: Some(source), stop: CancelToken::new(), result: Arc::default() }
    }

    /// The totals once they are known. The first call starts the count.
    fn totals(&mut self) -> Option<(u64, u64)> {
        if let Some(mut source) = self.source.take() {
            let (stop, result) = (self.stop.clone(), self.result.clone());
            // Without the thread there are no totals, which is no reason to fail.
            let _ = std::thread::Builder::new().name("count".to_owned()).spawn(move || {
                let ctx = Context::new().cancel_token(stop.clone());
                let (mut entries, mut bytes) = (0u64, 0u64);
                while let Ok(Some(item)) = source.next(&ctx) {
                    if let SourceItem::Entry(entry, _) = item {
                        entries += 1;
                        if entry.kind == EntryKind::File {
                            bytes = bytes.saturating_add(entry.size);
                        }
                    }
                    if stop.is_cancelled() {
                        return;
                    }
                }
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some((entries, bytes));
            });
        }
        *self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PreCount {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_is_known() {
        let mut progress = Progress::default();
        progress.phase = Phase::BackingUp;
        progress.entries = 1200;
        progress.bytes = 512 << 20;
        progress.new_bytes = 100 << 20;
        progress.elapsed = Duration::from_secs(3);
        assert_eq!(line(&progress, None, None, 99), "backing up  512 MiB  3 s  100 MiB new  1,200 entries");
        let wide = line(&progress, Some(1 << 30), Some(128 << 20), 99);
        assert_eq!(wide, "50%  512 MiB of 1.00 GiB  128 MiB/s  4 s left  100 MiB new  1,200 entries");
        let narrow = line(&progress, Some(1 << 30), Some(128 << 20), 50);
        assert_eq!(narrow, "50%  512 MiB of 1.00 GiB  128 MiB/s  4 s left");
    }

    #[test]
    fn a_count_finds_entries_and_bytes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "12345").unwrap();
        std::fs::write(folder.path().join("b.tmp"), "12345").unwrap();
        let mut count = PreCount::new(FileSource::new([folder.path()]).exclude("*.tmp"));
        let found = (0..500).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            count.totals()
        });
        assert_eq!(found, Some((2, 5)));
    }
}
