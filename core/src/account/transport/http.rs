//! HTTPS by ureq and rustls.

use super::socket::{CancellableConnector, CancellableResolver, CurrentToken};
use super::{Transport, TransportRequest, TransportResponse};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result, Retry, internal, invalid};
use std::fmt;
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::{Connector, RustlsConnector};
use ureq::{Agent, SendBody};

/// Connections that are kept for the next requests.
const MAX_IDLE: usize = 16;
/// How long a connection is kept without a request.
const MAX_IDLE_AGE: Duration = Duration::from_secs(30);

/// How a service is reached.
///
/// ```
/// use std::time::Duration;
/// use strongroom::account::transport::HttpOptions;
/// let options = HttpOptions::new().connect_timeout(Duration::from_secs(5));
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct HttpOptions {
    connect: Duration,
    silence: Duration,
    roots: Option<Vec<Certificate<'static>>>,
    user_agent: String,
}

impl Default for HttpOptions {
    fn default() -> Self {
        HttpOptions {
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(60),
            roots: None,
            user_agent: concat!("strongroom/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions").field("connect", &self.connect).field("silence", &self.silence).finish()
    }
}

impl HttpOptions {
    /// 15 seconds for a connection, 60 without progress, and the certificate authorities that browsers trust.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The longest time for looking up a name, and again for connecting, TLS included.
    #[must_use]
    pub fn connect_timeout(mut self, longest: Duration) -> Self {
        self.connect = longest;
        self
    }

    /// The longest time without a byte sent or received.
    #[must_use]
    pub fn silence_timeout(mut self, longest: Duration) -> Self {
        self.silence = longest;
        self
    }

    /// What the service says of itself in its certificate is believed when one of these vouches for it, and nobody else:
    /// for a service with an authority of its own. Text with one or more certificates as PEM.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when there is none in it.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self> {
        let operation = "read root certificates";
        let mut roots = Vec::new();
        for item in parse_pem(pem) {
            match item {
                Ok(PemItem::Certificate(certificate)) => roots.push(certificate),
                Ok(_) => {}
                Err(_) => return Err(invalid(operation, "it is not PEM")),
            }
        }
        if roots.is_empty() {
            return Err(invalid(operation, "there is no certificate in it"));
        }
        self.roots = Some(roots);
        Ok(self)
    }

    /// What requests say in `User-Agent`; the library's name and version if nothing else is set.
    #[must_use]
    pub fn user_agent(mut self, name: &str) -> Self {
        self.user_agent = name.to_owned();
        self
    }

    fn agent(&self, token: &CurrentToken) -> Agent {
        let roots = self.roots.as_deref().map_or(RootCerts::WebPki, RootCerts::new_with_certs);
        let config = Agent::config_builder()
            // The library reads no environment, where ureq would look for a proxy.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(self.connect))
            .timeout_connect(Some(self.connect))
            .timeout_per_read(Some(self.silence))
            .timeout_per_write(Some(self.silence))
            .timeout_recv_response(Some(self.silence))
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .max_idle_age(MAX_IDLE_AGE)
            .user_agent(self.user_agent.clone())
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .input_buffer_size(128 * 1024)
            .output_buffer_size(128 * 1024)
            .build();
        let connector = CancellableConnector(token.clone()).chain(RustlsConnector::default());
        Agent::with_parts(config, connector, CancellableResolver(token.clone()))
    }
}

/// Sends requests over HTTPS, on as many connections as there are requests at the same time.
///
/// Plain HTTP is for loopback alone. No environment variable is read, no redirect followed, no cookie kept.
///
/// ```
/// use strongroom::account::transport::{HttpOptions, HttpTransport, Transport};
/// let transport = HttpTransport::new("https://backup.example.org", HttpOptions::new())?;
/// assert_eq!(transport.service(), "https://backup.example.org");
/// assert!(HttpTransport::new("http://backup.example.org", HttpOptions::new()).is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone)]
pub struct HttpTransport {
    shared: Arc<Shared>,
}

struct Shared {
    address: String,
    options: HttpOptions,
    idle: Mutex<Vec<Line>>,
}

/// A connection, or none yet, and the token of the request that uses it.
struct Line {
    agent: Agent,
    token: CurrentToken,
}

impl HttpTransport {
    /// For the service at `address`: scheme, host and port, without a path. Nothing is sent yet.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when that is no such address, or one of plain HTTP that is not on
    /// loopback.
    pub fn new(address: &str, options: HttpOptions) -> Result<Self> {
        let operation = "take the address of a service";
        let address = address.strip_suffix('/').unwrap_or(address);
        let wrong = |detail| invalid(operation, detail).object(address);
        let uri: Uri = address.parse().map_err(|_| wrong("it is not an address such as https://backup.example.org"))?;
        let host = uri.host().unwrap_or_default();
        if host.is_empty() || uri.path() != "/" || uri.query().is_some() || address.contains(['@', '#']) {
            return Err(wrong("it is not an address such as https://backup.example.org, without a path"));
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(host) => {}
            Some("http") => return Err(wrong("plain HTTP is taken for this very machine alone; use https")),
            _ => return Err(wrong("it begins neither with https:// nor with http://")),
        }
        let shared = Shared { address: address.to_owned(), options, idle: Mutex::new(Vec::new()) };
        Ok(HttpTransport { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpTransport({})", self.shared.address)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Shared {
    fn take_line(&self) -> Line {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_else(|| {
            let token = CurrentToken::default();
            Line { agent: self.options.agent(&token), token }
        })
    }

    fn give_back(&self, line: Line) {
        // The token of a request that is over must not stop the next one's beginning.
        line.token.set(&CancelToken::new());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(line);
        }
    }
}

/// The body of an answer, whose connection serves the next request when it was read to its end.
struct Body {
    reader: Option<ureq::BodyReader<'static>>,
    line: Option<Line>,
    shared: Arc<Shared>,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.as_mut().map_or(Ok(0), |reader| reader.read(buffer))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // First the reader, which gives the connection back to its agent.
        self.reader = None;
        if let Some(line) = self.line.take() {
            self.shared.give_back(line);
        }
    }
}

/// Parts that follow each other.
struct Parts<'a> {
    parts: &'a [&'a [u8]],
    offset: usize,
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((part, rest)) = self.parts.split_first() {
            let left = part.get(self.offset..).unwrap_or_default();
            if !left.is_empty() {
                let count = (&mut &*left).read(buffer)?;
                self.offset += count;
                return Ok(count);
            }
            self.parts = rest;
            self.offset = 0;
        }
        Ok(0)
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &TransportRequest<'_>, cancel: &CancelToken) -> Result<TransportResponse> {
        let operation = "send a request";
        cancel.check(operation)?;
        let mut builder = ureq::http::Request::builder()
            .method(request.method.name())
            .uri(format!("{}{}", self.shared.address, request.target))
            // What is stored is sealed, and does not compress; what is not is short.
            .header("Accept-Encoding", "identity");
        for (name, value) in request.headers {
            builder = builder.header(*name, value);
        }
        let length: u64 = request.body.iter().map(|part| part.len() as u64).sum();
        let line = self.shared.take_line();
        line.token.set(cancel);
        let mut parts = Parts { parts: request.body, offset: 0 };
        let unfit = |error: ureq::http::Error| internal(operation, "the request is not one of HTTP").because(error);
        let sent = if length == 0
            && !matches!(request.method, super::Method::Post | super::Method::Put | super::Method::Patch)
        {
            line.agent.run(builder.body(()).map_err(unfit)?)
        } else {
            let builder = builder.header("Content-Length", length.to_string());
            line.agent.run(builder.body(SendBody::from_reader(&mut parts)).map_err(unfit)?)
        };
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                cancel.check(operation)?;
                return Err(self.failure(error, operation));
            }
        };
        let (head, body) = response.into_parts();
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let reader = Some(body.into_reader());
        let body = Body { reader, line: Some(line), shared: Arc::clone(&self.shared) };
        Ok(TransportResponse { status: head.status.as_u16(), headers, body: Box::new(body) })
    }

    fn service(&self) -> String {
        self.shared.address.clone()
    }
}

impl HttpTransport {
    fn failure(&self, error: ureq::Error, operation: &'static str) -> Error {
        let unavailable = |detail: &'static str| Error::new(ErrorKind::Unavailable, operation).detail(detail);
        let made = match &error {
            ureq::Error::Timeout(_) => unavailable("the service took too long"),
            ureq::Error::HostNotFound => unavailable("there is no machine of that name"),
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => Error::new(ErrorKind::Untrusted, operation)
                .detail(format!("the service could not be authenticated by TLS: {error}")),
            ureq::Error::Io(cause) if is_certificate_error(cause) => Error::new(ErrorKind::Untrusted, operation)
                .detail(format!("the service could not be authenticated by TLS: {error}")),
            _ => unavailable("there is no connection to the service, or it broke")
                .retry_hint(Retry::After(Duration::from_secs(1))),
        };
        made.object(&self.shared.address).because(error)
    }
}

/// Whether rustls refused the other side, which reaches us as an error of input.
fn is_certificate_error(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

#[cfg(test)]
mod tests;
