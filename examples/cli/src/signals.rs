//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second stops at once.

use crate::exit::Exit;
use crate::output::Ui;
use crate::terminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::{Arc, Once};
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

/// Lets signals act on `token` from now on. A command has one token, so only the first call does anything.
pub(crate) fn handle(token: &CancelToken, ui: &Arc<Ui>, stop: Stop) {
    static HANDLED: Once = Once::new();
    HANDLED.call_once(|| install(token, ui, stop));
}

fn install(token: &CancelToken, ui: &Arc<Ui>, stop: Stop) {
    // Without handlers the signals end the program as they always do, which is safe at any time.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let (token, ui) = (token.clone(), ui.clone());
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            // While a secret is asked for, nothing has begun.
            if terminal::show_again() {
                leave(&ui);
            }
            if std::mem::replace(&mut asked, true) {
                token.cancel();
                std::thread::sleep(PATIENCE);
                leave(&ui);
            }
            token.suspend();
            // After a hangup there is no terminal to tell anything.
            if signal != SIGHUP {
                ui.note(match stop {
                    Stop::Suspends => "Stopping; what is done is kept. Once more stops at once.",
                    Stop::Ends => "Stopping. Once more stops at once.",
                });
            }
        }
    });
}

fn leave(ui: &Ui) -> ! {
    ui.flush_if_free();
    std::process::exit(i32::from(Exit::Cancelled as u8))
}
