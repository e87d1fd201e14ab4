//! Connections: accepted, brought under TLS, served, and let finish when the service stops.

use crate::metrics::Metrics;
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// How long a client may take over a handshake, and over the head of a request.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// How long to wait when the system has no more sockets.
const BREATHE: Duration = Duration::from_millis(100);

/// The other end's address, as the socket has it; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// One listener and what is behind it.
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) router: Router,
    pub(crate) connections: usize,
    pub(crate) stop_after: Duration,
    pub(crate) metrics: Arc<Metrics>,
}

impl Server {
    /// Serves until `stop` says so, then lets what runs finish, for as long as it is given.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(self.connections));
        loop {
            // Taken before a connection is: those who do not fit wait in the system's queue.
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Ok(place) = place else { break };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, address)) => self.connection(stream, address, place, graceful.watcher()),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATHE).await;
                }
            }
        }
        drop(self.listener);
        if tokio::time::timeout(self.stop_after, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests that ran when the service stopped were cut off");
        }
    }

    fn connection(&self, stream: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit, watcher: Watcher) {
        let (tls, router, metrics) = (self.tls.clone(), self.router.clone(), Arc::clone(&self.metrics));
        tokio::spawn(async move {
            let _place = place;
            let _open = metrics.connection();
            // Answers are small, and clients wait for them.
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve(stream, address, router, watcher).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serve(stream, address, router, watcher).await,
                    // Port scans and clients that do not trust the certificate: nothing to act on.
                    Ok(Err(_)) | Err(_) => metrics.failed_handshake(),
                },
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    address: SocketAddr,
    router: Router,
    watcher: Watcher,
) {
    let service = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(address));
        hyper::service::Service::call(&service, request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HANDSHAKE).max_buf_size(64 * 1024);
    // A connection that breaks off is the client's affair; what it had asked for was answered or rolled back.
    let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await;
}
