//! A mail server that keeps what it is given.

use crate::support::{World, eventually, on_each_database};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Clone)]
pub(crate) struct Inbox {
    address: SocketAddr,
    letters: Arc<Mutex<Vec<Letter>>>,
    refuses: Arc<AtomicBool>,
}

#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) data: String,
}

impl Letter {
    pub(crate) fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        self.data.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default()
    }

    /// The eight digits that end the subject.
    fn code(&self) -> Option<String> {
        let code = self.header("Subject").rsplit(' ').next()?;
        (code.len() == 8 && code.bytes().all(|digit| digit.is_ascii_digit())).then(|| code.to_owned())
    }
}

impl Inbox {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inbox = Inbox {
            address: listener.local_addr().unwrap(),
            letters: Arc::default(),
            refuses: Arc::new(AtomicBool::new(false)),
        };
        let shared = inbox.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || shared.serve(stream));
            }
        });
        inbox
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets the server answer that it cannot take mail now, or takes that back.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.refuses.store(refuse, Ordering::SeqCst);
    }

    pub(crate) fn letters(&self, to: &str) -> Vec<Letter> {
        self.letters.lock().unwrap().iter().filter(|letter| letter.to == to).cloned().collect()
    }

    /// Waits for the `count`th letter to somebody, and gives it.
    pub(crate) fn letter(&self, to: &str, count: usize) -> Letter {
        eventually("mail", || self.letters(to).get(count - 1).cloned())
    }

    /// Waits for a code to somebody, and takes the letter out.
    pub(crate) fn code(&self, to: &str) -> String {
        eventually("a code by mail", || {
            let mut letters = self.letters.lock().unwrap();
            let position = letters.iter().position(|letter| letter.to == to && letter.code().is_some())?;
            letters.remove(position).code()
        })
    }

    fn serve(&self, stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut stream = stream;
        let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).is_ok();
        say("220 inbox");
        let mut to = String::new();
        while let Some(Ok(line)) = lines.next() {
            let upper = line.to_ascii_uppercase();
            if upper.starts_with("EHLO") || upper.starts_with("HELO") {
                say("250-inbox");
                say("250 8BITMIME");
            } else if upper.starts_with("RCPT TO:") {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                say("250 ok");
            } else if upper.starts_with("DATA") && self.refuses.load(Ordering::SeqCst) {
                say("451 not now");
            } else if upper.starts_with("DATA") {
                say("354 go on");
                let mut data = String::new();
                for line in lines.by_ref().map_while(Result::ok) {
                    if line == "." {
                        break;
                    }
                    data.push_str(&line);
                    data.push('\n');
                }
                self.letters.lock().unwrap().push(Letter { to: to.clone(), data });
                say("250 taken");
            } else if upper.starts_with("QUIT") {
                say("221 bye");
                return;
            } else {
                say("250 ok");
            }
        }
    }
}

#[test]
fn mail_that_the_server_refuses_or_a_stop_interrupts_is_sent_later_and_once() {
    on_each_database(|world| {
        world.inbox.refuse(true);
        let client = world.client();
        let pending = client
            .register(
                World::registrant("kim@example.org"),
                strongroom::account::Password::new("password one"),
                &world.ctx,
            )
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        world.restart();
        assert!(world.inbox.letters("kim@example.org").is_empty());
        world.inbox.refuse(false);
        // The next try is due after seconds; the clock is moved there, and the next mail wakes the sender.
        world.clock.shift(150_000);
        client_of(world)
            .register(
                World::registrant("lee@example.org"),
                strongroom::account::Password::new("password two"),
                &world.ctx,
            )
            .unwrap();
        world.inbox.letter("lee@example.org", 1);
        let letter = world.inbox.letter("kim@example.org", 1);
        assert!(letter.header("Message-ID").ends_with("@localhost>"), "{letter:?}");
        let code = world.inbox.code("kim@example.org");
        client_of(world).confirm(pending.registration_id, &code, &world.ctx).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(world.inbox.letters("kim@example.org").is_empty(), "it was sent twice");
    });
}

fn client_of(world: &World) -> strongroom::account::AccountClient {
    world.client()
}
