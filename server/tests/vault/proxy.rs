//! A network that breaks off.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Passes connections on to a service, and cuts them after a number of bytes, which differs every time.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    service: SocketAddr,
    /// Bytes, of both directions together, after which a connection is cut at the latest; 0 for never.
    most: AtomicU64,
    connections: AtomicU64,
    cuts: AtomicU64,
    over: AtomicBool,
}

impl Proxy {
    pub(crate) fn start(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            service,
            most: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                shared.pass_on(client);
            }
        });
        Proxy { address, state }
    }

    /// From now on, cuts each connection within this many bytes.
    pub(crate) fn cut_within(&self, bytes: u64) {
        self.state.most.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::Relaxed)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn pass_on(self: &Arc<Self>, client: TcpStream) {
        let Ok(service) = TcpStream::connect(self.service) else { return };
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let most = self.most.load(Ordering::Relaxed);
        let drawn = u64::from_le_bytes(crate::noise(number, 8).try_into().unwrap());
        let left = Arc::new(AtomicU64::new(if most == 0 { u64::MAX } else { drawn % most + 1 }));
        let _ = (client.set_nodelay(true), service.set_nodelay(true));
        for (from, to) in [(&client, &service), (&service, &client)] {
            let (from, to, left, state) =
                (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&left), Arc::clone(self));
            std::thread::spawn(move || state.copy(from, to, &left));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream, left: &AtomicU64) {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            let may =
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(read as u64)));
            let passed = usize::try_from(may.unwrap()).unwrap_or(usize::MAX).min(read);
            if to.write_all(&buffer[..passed]).is_err() || read == 0 || passed < read {
                self.cuts.fetch_add(u64::from(passed < read), Ordering::Relaxed);
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                return;
            }
        }
    }
}
