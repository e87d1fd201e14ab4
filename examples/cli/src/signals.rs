//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second stops at once.

use crate::exit::Exit;
use crate::output::Ui;
use crate::terminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use strongroom::CancelToken;

/// How long an operation has to answer a cancellation before the program ends without it: a read from a pipe or a
/// stalled network file system answers nothing.
const PATIENCE: Duration = Duration::from_millis(600);

/// What to tell the user after the first signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What is done is kept, and the same command goes on with the rest.
    Suspends,
    /// There is nothing to keep.
    Ends,
}

/// Lets signals act on `token` from now on.
pub(crate) fn handle(token: &CancelToken, ui: &Arc<Ui>, stop: Stop) {
    // Without handlers the signals end the program as they always do, which is safe at any time.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let (token, ui) = (token.clone(), ui.clone());
    let asked = AtomicBool::new(false);
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            // Nothing has begun while a secret is asked for.
            if terminal::show_again() {
                leave(&ui);
            }
            if signal != SIGHUP && !asked.swap(true, Ordering::AcqRel) {
                match stop {
                    Stop::Suspends => {
                        token.suspend();
                        ui.note("Stopping: finishing what is under way, so that the next run goes on from here. Once more stops at once.");
                    }
                    Stop::Ends => {
                        token.suspend();
                        ui.note("Stopping. Once more stops at once.");
                    }
                }
            } else if signal == SIGHUP && !asked.swap(true, Ordering::AcqRel) {
                // The terminal is gone; nobody can answer.
                token.suspend();
            } else {
                token.cancel();
                std::thread::sleep(PATIENCE);
                leave(&ui);
            }
        }
    });
}

fn leave(ui: &Ui) -> ! {
    let _ = ui.flush();
    std::process::exit(i32::from(Exit::Cancelled as u8))
}
