use super::*;
use crate::account::transport::Method;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// What arrived at the service: request line and headers, and the body.
type Arrived = (Vec<String>, Vec<u8>);

/// A request, and the body that is to arrive.
type Case<'a> = (Method, &'a [&'a [u8]], &'a [u8]);

/// Serves every connection with `answer`, which is given the stream and how many requests came before on it.
fn service(answer: fn(&mut TcpStream, usize) -> bool) -> (HttpTransport, Receiver<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                for count in 0.. {
                    let Some(arrived) = read_request(&mut reader) else { return };
                    let _ = sender.send(arrived);
                    if !answer(&mut stream, count) {
                        return;
                    }
                }
            });
        }
    });
    let options = HttpOptions::new().connect_timeout(Duration::from_secs(5)).silence_timeout(Duration::from_secs(1));
    (HttpTransport::new(&address, options).unwrap(), receiver)
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Arrived> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn echo_count(stream: &mut TcpStream, count: usize) -> bool {
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Name: value\r\n\r\n{count}").is_ok()
}

fn silence(_: &mut TcpStream, _: usize) -> bool {
    std::thread::sleep(Duration::from_secs(30));
    false
}

fn half_a_body(stream: &mut TcpStream, _: usize) -> bool {
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
    silence(stream, 0)
}

fn redirect(stream: &mut TcpStream, _: usize) -> bool {
    write!(stream, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n").is_ok()
}

fn request<'a>(method: Method, body: &'a [&'a [u8]]) -> TransportRequest<'a> {
    TransportRequest { method, target: "/v1/a?b=c", headers: &[], body }
}

#[test]
fn requests_arrive_as_they_were_made_on_one_connection() {
    let (transport, arrived) = service(echo_count);
    let token = CancelToken::new();
    let parts: &[&[u8]] = &[b"ab", b"", b"cde"];
    let cases: [Case<'_>; 6] = [
        (Method::Get, &[], b""),
        (Method::Post, parts, b"abcde"),
        (Method::Put, parts, b"abcde"),
        (Method::Patch, parts, b"abcde"),
        (Method::Delete, parts, b"abcde"),
        (Method::Post, &[], b""),
    ];
    for (count, (method, body, expected)) in cases.into_iter().enumerate() {
        let headers = [("X-Header", "value".to_owned())];
        let sent = TransportRequest { headers: &headers, ..request(method, body) };
        let response = transport.send(&sent, &token).unwrap();
        assert_eq!((response.status, response.header("x-name")), (200, Some("value")));
        assert_eq!(response.read(10, &token, "read").unwrap(), count.to_string().into_bytes(), "one connection");
        let (head, body) = arrived.recv().unwrap();
        assert_eq!(head[0], format!("{} /v1/a?b=c HTTP/1.1", method.name()));
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("x-header: value")));
        assert_eq!(body, expected);
    }
}

#[test]
fn answers_are_bounded() {
    let (transport, _arrived) = service(half_a_body);
    let token = CancelToken::new();
    let response = transport.send(&request(Method::Get, &[]), &token).unwrap();
    assert_eq!(response.read(999, &token, "read").unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn silence_ends_every_wait() {
    let token = CancelToken::new();
    let (transport, _arrived) = service(silence);
    let begin = Instant::now();
    let error = transport.send(&request(Method::Get, &[]), &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(matches!(error.retry(), Retry::After(_)));
    let (transport, _arrived) = service(half_a_body);
    let response = transport.send(&request(Method::Get, &[]), &token).unwrap();
    assert_eq!(response.read(1000, &token, "read").unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn every_wait_ends_when_it_is_cancelled() {
    for answer in [silence as fn(&mut TcpStream, usize) -> bool, half_a_body] {
        let (transport, _arrived) = service(answer);
        let options = HttpOptions::new().silence_timeout(Duration::from_secs(25));
        let transport = HttpTransport::new(&transport.service(), options).unwrap();
        let token = CancelToken::new();
        let (kind, waited) = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let sent = transport.send(&request(Method::Get, &[]), &token);
                sent.and_then(|response| response.read(1000, &token, "read")).unwrap_err().kind()
            });
            std::thread::sleep(Duration::from_millis(300));
            let begin = Instant::now();
            token.cancel();
            (waiting.join().unwrap(), begin.elapsed())
        });
        assert_eq!(kind, ErrorKind::Cancelled);
        assert!(waited < Duration::from_millis(250), "{waited:?}");
    }
}

#[test]
fn no_redirect_is_followed_and_nobody_there_is_unavailable() {
    let (transport, arrived) = service(redirect);
    let token = CancelToken::new();
    assert_eq!(transport.send(&request(Method::Get, &[]), &token).unwrap().status, 302);
    assert!(arrived.recv().is_ok() && arrived.try_recv().is_err());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let transport = HttpTransport::new(&format!("http://{nobody}"), HttpOptions::new()).unwrap();
    let error = transport.send(&request(Method::Get, &[]), &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    token.cancel();
    assert_eq!(transport.send(&request(Method::Get, &[]), &token).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn plain_http_is_for_loopback_alone_and_addresses_have_no_path() {
    for good in
        ["https://a.example", "https://a.example:8443/", "http://localhost:80", "http://127.0.0.1", "http://[::1]:8080"]
    {
        HttpTransport::new(good, HttpOptions::new()).unwrap();
    }
    for bad in [
        "",
        "a.example",
        "ftp://a.example",
        "http://a.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "https://a.example/path",
        "https://a.example?x",
        "https://user@a.example",
        "https://",
        "http://10.0.0.1",
    ] {
        assert_eq!(
            HttpTransport::new(bad, HttpOptions::new()).unwrap_err().kind(),
            ErrorKind::InvalidArgument,
            "{bad}"
        );
    }
    assert!(HttpOptions::new().root_certificates(b"no certificate").is_err());
}
