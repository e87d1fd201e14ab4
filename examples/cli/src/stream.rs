//! Standard input as a source that can be stopped while nothing comes.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read};
use std::time::Instant;
use strongroom::CancelToken;

/// How long to wait for bytes before looking whether to stop.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Standard input. A read ends with an error once the token asks to stop or the deadline has passed: never with an
/// end of the stream, which would pass off a part of it for the whole.
#[derive(Debug)]
pub(crate) struct Stdin {
    token: CancelToken,
    deadline: Option<Instant>,
}

impl Stdin {
    pub(crate) fn new(token: &CancelToken, deadline: Option<Instant>) -> Self {
        Stdin { token: token.clone(), deadline }
    }

    fn is_stopped(&self) -> bool {
        self.token.is_suspending() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stdin = rustix::stdio::stdin();
        loop {
            if self.is_stopped() {
                return Err(io::Error::other("stopped before the stream ended"));
            }
            match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&WAIT)) {
                Ok(0) => continue,
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            match rustix::io::read(stdin, &mut *buffer) {
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                read => return Ok(read?),
            }
        }
    }
}
