//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second stops at once.

use crate::exit::Exit;
use crate::output::Ui;
use crate::terminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::{Arc, Mutex, Once, PoisonError};
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

/// The operation at work.
#[derive(Debug)]
struct Operation {
    token: CancelToken,
    ui: Arc<Ui>,
    stop: Stop,
}

static OPERATION: Mutex<Option<Operation>> = Mutex::new(None);

/// Lets signals act on `token` from now on.
pub(crate) fn handle(token: &CancelToken, ui: &Arc<Ui>, stop: Stop) {
    let operation = Operation { token: token.clone(), ui: ui.clone(), stop };
    *OPERATION.lock().unwrap_or_else(PoisonError::into_inner) = Some(operation);
    listen();
}

/// Starts to listen. While no operation is at work a signal ends the program, after the terminal is put in order.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        // Without handlers the signals end the program as they always do, which is safe at any time.
        if let Ok(signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
            let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(move || answer(signals));
        }
    });
}

fn answer(mut signals: Signals) {
    let mut asked = false;
    for signal in signals.forever() {
        let operation = OPERATION.lock().unwrap_or_else(PoisonError::into_inner).take();
        // While a secret is asked for, nothing has begun.
        let asking = terminal::show_again();
        let Some(Operation { token, ui, stop }) = operation.filter(|_| !asking) else { leave() };
        if signal == SIGHUP {
            // The terminal is gone: nobody asks for anything more, and nobody can be told.
            token.suspend();
        } else if std::mem::replace(&mut asked, true) {
            token.cancel();
            std::thread::sleep(PATIENCE);
            ui.flush_if_free();
            leave();
        } else {
            token.suspend();
            ui.note(match stop {
                Stop::Suspends => "Stopping; what is done is kept. Once more stops at once.",
                Stop::Ends => "Stopping. Once more stops at once.",
            });
        }
        *OPERATION.lock().unwrap_or_else(PoisonError::into_inner) = Some(Operation { token, ui, stop });
    }
}

fn leave() -> ! {
    std::process::exit(i32::from(Exit::Cancelled as u8))
}
