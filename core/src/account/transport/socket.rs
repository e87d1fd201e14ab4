//! Connections whose every wait ends when a token is cancelled, below what ureq and rustls make of them.

use crate::cancel::CancelToken;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, time};

/// How long a wait goes without looking for cancellation.
const PATIENCE: Duration = Duration::from_millis(50);

/// The token of the request that uses a connection now.
#[derive(Clone, Default)]
pub(super) struct CurrentToken(Arc<Mutex<CancelToken>>);

impl CurrentToken {
    pub(super) fn set(&self, token: &CancelToken) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
    }

    fn check(&self) -> io::Result<()> {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).is_cancelled() {
            // Not `Interrupted`, which readers take as a reason to go on.
            return Err(io::Error::other("the request was cancelled"));
        }
        Ok(())
    }

    /// Runs what cannot be interrupted on a thread, and waits for it as long as the token and the deadline allow. A
    /// thread that is left behind ends when the system gives up on what it asked for.
    fn wait<T: Send + 'static>(
        &self,
        within: NextTimeout,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, ureq::Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        std::thread::Builder::new().name("strongroom-connect".to_owned()).spawn(move || {
            let _ = sender.send(work());
        })?;
        let deadline = deadline(within);
        loop {
            self.check()?;
            match receiver.recv_timeout(PATIENCE) {
                Ok(done) => return Ok(done?),
                Err(RecvTimeoutError::Disconnected) => return Err(ureq::Error::ConnectionFailed),
                Err(RecvTimeoutError::Timeout) if past(deadline) => return Err(ureq::Error::Timeout(within.reason)),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl fmt::Debug for CurrentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurrentToken(..)")
    }
}

fn deadline(timeout: NextTimeout) -> Option<Instant> {
    match timeout.after {
        time::Duration::Exact(after) => Instant::now().checked_add(after),
        time::Duration::NotHappening => None,
    }
}

fn past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// Looks up names.
#[derive(Debug, Default)]
pub(super) struct CancellableResolver(pub(super) CurrentToken);

impl Resolver for CancellableResolver {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let bad = || ureq::Error::BadUri(uri.to_string());
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or_else(bad)?;
        let name = DefaultResolver::host_and_port(scheme, authority).ok_or_else(bad)?;
        let found = self.0.wait(timeout, move || name.to_socket_addrs().map(Iterator::collect::<Vec<_>>))?;
        let mut addresses = self.empty();
        // As many as there is room for; a name with more has others as good.
        found.into_iter().take(8).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// Opens connections.
#[derive(Debug, Default)]
pub(super) struct CancellableConnector(pub(super) CurrentToken);

impl Connector<()> for CancellableConnector {
    type Out = Socket;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Socket>, ureq::Error> {
        let addresses: Vec<SocketAddr> = details.addrs.iter().copied().collect();
        let within = match details.timeout.after {
            time::Duration::Exact(after) => after.max(PATIENCE),
            time::Duration::NotHappening => Duration::from_secs(60),
        };
        let stream = self.0.wait(details.timeout, move || connect(&addresses, within))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Socket { stream, buffers, token: self.0.clone() }))
    }
}

/// The first address that answers, each given its share of the time.
fn connect(addresses: &[SocketAddr], within: Duration) -> io::Result<TcpStream> {
    let end = Instant::now().checked_add(within);
    let mut last = io::Error::from(io::ErrorKind::ConnectionRefused);
    for (position, address) in addresses.iter().enumerate() {
        let left = end.and_then(|end| end.checked_duration_since(Instant::now())).unwrap_or_default();
        // Half of what is left, and all of it for the last.
        let share = if position + 1 == addresses.len() { left } else { left / 2 };
        match TcpStream::connect_timeout(address, share.max(PATIENCE)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A connection.
pub(super) struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
    token: CurrentToken,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("peer", &self.stream.peer_addr().ok()).finish_non_exhaustive()
    }
}

impl Socket {
    /// Does one read or write, as soon as it can be done.
    fn patiently(
        stream: &TcpStream,
        token: &CurrentToken,
        timeout: NextTimeout,
        mut transfer: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, ureq::Error> {
        let deadline = deadline(timeout);
        loop {
            token.check()?;
            match transfer(stream) {
                Ok(count) => return Ok(count),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if past(deadline) => {
                        return Err(ureq::Error::Timeout(timeout.reason));
                    }
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {}
                    _ => return Err(error.into()),
                },
            }
        }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let mut left = self.buffers.output().get(..amount).unwrap_or_default();
        while !left.is_empty() {
            // Each piece has its own time: progress is what counts.
            let count =
                Self::patiently(&self.stream, &self.token, timeout.for_write(), |mut stream| stream.write(left))?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            left = left.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let buffer = self.buffers.input_append_buf();
        let count = Self::patiently(&self.stream, &self.token, timeout.for_read(), |mut stream| stream.read(buffer))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        if self.stream.set_nonblocking(true).is_err() {
            return false;
        }
        // Anything but silence, bytes included, is no connection to send a request on.
        let silent = matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        silent && self.stream.set_nonblocking(false).is_ok()
    }
}
