//! Asking on the terminal without showing what is typed.

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// The terminal as it was before a question hid what is typed, while one does.
static HIDDEN: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Longest answer.
const LONGEST: usize = 16 * 1024;

/// Asks on the controlling terminal, whatever standard input and output are.
///
/// # Errors
/// When there is no terminal, and `UnexpectedEof` when its user ends it without an answer.
pub(crate) fn ask_hidden(question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    // Whoever leaves at this point still wants to see what they type afterwards.
    crate::signals::listen();
    let before = termios::tcgetattr(&terminal)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
    *HIDDEN.lock().unwrap_or_else(PoisonError::into_inner) = Some((terminal.try_clone()?, before));
    let answer = termios::tcsetattr(&terminal, OptionalActions::Flush, &hidden)
        .map_err(io::Error::from)
        .and_then(|()| terminal.write_all(question.as_bytes()))
        .and_then(|()| read_line(&mut terminal));
    show_again();
    answer
}

/// Shows what is typed again; also called when the program ends in the middle of a question.
pub(crate) fn show_again() -> bool {
    match HIDDEN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some((terminal, before)) => {
            let _ = termios::tcsetattr(&terminal, OptionalActions::Now, &before);
            true
        }
        None => false,
    }
}

/// Writes to the controlling terminal, if there is one.
pub(crate) fn tell(text: &str) {
    if let Ok(mut terminal) = OpenOptions::new().write(true).open("/dev/tty") {
        let _ = terminal.write_all(text.as_bytes());
    }
}

fn read_line(terminal: &mut File) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(256));
    let mut byte = [0];
    loop {
        match terminal.read(&mut byte) {
            Ok(0) if line.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) if line.len() < LONGEST => line.push(byte[0]),
            Ok(_) => return Err(io::ErrorKind::InvalidInput.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    std::str::from_utf8(&line)
        .map(|line| Zeroizing::new(line.to_owned()))
        .map_err(|_| io::ErrorKind::InvalidData.into())
}
