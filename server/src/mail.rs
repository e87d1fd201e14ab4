//! Mail: written into an outbox together with what it is about, and sent from there.
//!
//! So no mail is lost when the service is killed, and none speaks of what was rolled back. A mail is sent twice only
//! when the service is killed between the mail server's answer and the note of it; both then have one Message-ID.

use crate::app::App;
use crate::clock::{DAY, MINUTE, SECOND};
use crate::problem::{Problem, name_for_log};
use crate::text::random_id;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row};
use std::time::Duration;
use strongroom::{Error, ErrorKind};
use tokio::sync::watch;

const PURPOSE: &str = "outbox";
/// How long a process may take over one mail before another tries it.
const CLAIM: i64 = 2 * MINUTE;
/// How often the outbox is looked at when nobody says that there is something.
const LOOK: Duration = Duration::from_secs(15);
/// How long notices are tried; codes only as long as they are valid.
const NOTICE_LIFE: i64 = 3 * DAY;

/// Sends what the outbox holds, where a mail server is configured.
pub(crate) struct Mailer {
    transport: Option<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
}

/// A mail as the outbox keeps it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// Why a mail is sent; the only thing about it that is counted and shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Holds a code, which loses its validity at this time.
    Code { expires_at: i64 },
    /// Says what happened to an account.
    Notice,
}

impl Mailer {
    /// A mailer for a server's URL.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when the URL or the sender cannot be read, or the mail would go
    /// unencrypted to another machine.
    pub(crate) fn new(config: &crate::config::MailConfig) -> Result<Self, Error> {
        let invalid = |detail: &'static str| Error::new(ErrorKind::InvalidArgument, "set up mail").detail(detail);
        let from = config.from.parse().map_err(|_| invalid("mail.from is no address"))?;
        let transport = match &config.server {
            None => None,
            Some(url) => {
                let encrypted = url.starts_with("smtps://") || url.contains("tls=required");
                let host = url.split_once("://").map_or("", |(_, rest)| rest.rsplit('@').next().unwrap_or_default());
                let loopback = ["127.0.0.1", "[::1]", "localhost"].iter().any(|name| {
                    host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?']))
                });
                if !encrypted && !loopback {
                    return Err(invalid(
                        "mail.server must be smtps:// or have ?tls=required, except on a loopback address",
                    ));
                }
                // The URL may hold a password: no error names it.
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .map_err(|_| invalid("mail.server is no URL of a mail server"))?;
                Some(builder.timeout(Some(Duration::from_secs(30))).build())
            }
        };
        Ok(Mailer { transport, from })
    }

    async fn send(&self, id: &str, letter: &Letter) -> Result<(), Failure> {
        let Some(transport) = &self.transport else { return Err(Failure::Later) };
        let to = letter.to.parse::<lettre::Address>().map_err(|_| Failure::Never)?;
        let domain = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .message_id(Some(format!("<{id}@{domain}>")))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map_err(|_| Failure::Never)?;
        match transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Failure::Never),
            Err(_) => Err(Failure::Later),
        }
    }
}

enum Failure {
    Later,
    Never,
}

/// Puts a mail into the outbox, within the transaction of what it is about, and gives its id.
pub(crate) async fn post(app: &App, tx: &mut AnyConnection, kind: Kind, letter: &Letter) -> Result<String, Problem> {
    let now = app.clock.now_ms();
    let (name, expires_at) = match kind {
        Kind::Code { expires_at } => ("code", expires_at),
        Kind::Notice => ("notice", now + NOTICE_LIFE),
    };
    let id = random_id()?;
    let plain =
        serde_json::to_vec(letter).map_err(|error| Error::new(ErrorKind::Internal, "write a mail").because(error))?;
    let plain = zeroize::Zeroizing::new(plain);
    sqlx::query(
        "INSERT INTO outbox (id, message, kind, created_at, expires_at, tries, next_at) VALUES ($1, $2, $3, $4, $5, 0, $4)",
    )
    .bind(&id)
    .bind(app.key.seal(PURPOSE, &id, &plain)?)
    .bind(name)
    .bind(now)
    .bind(expires_at)
    .execute(tx)
    .await?;
    Ok(id)
}

/// Takes a mail back out of the outbox, within the transaction that put it there.
pub(crate) async fn discard(tx: &mut AnyConnection, id: &str) -> Result<(), Problem> {
    sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(tx).await?;
    Ok(())
}

/// Sends mail until `stop`.
pub(crate) async fn run(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        let pause = match send_due(&app).await {
            Ok(0) => LOOK,
            Ok(_) => Duration::ZERO,
            Err(problem) => {
                tracing::warn!(kind = name_for_log(&problem), "the outbox could not be read");
                LOOK
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = app.mail_waiting.notified(), if !pause.is_zero() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Tries the mails whose time has come, and says how many it sent.
async fn send_due(app: &App) -> Result<usize, Problem> {
    if app.mailer.transport.is_none() {
        return Ok(0);
    }
    let now = app.clock.now_ms();
    let due = sqlx::query(
        "SELECT id, message, tries, next_at, expires_at FROM outbox WHERE next_at <= $1 ORDER BY next_at LIMIT 20",
    )
    .bind(now)
    .fetch_all(app.database.pool())
    .await?;
    let mut sent = 0;
    for row in due {
        let (id, sealed): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (tries, next_at, expires_at): (i64, i64, i64) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        // Whoever moves the time has the mail.
        let claimed = sqlx::query("UPDATE outbox SET next_at = $1, tries = tries + 1 WHERE id = $2 AND next_at = $3")
            .bind(app.clock.now_ms() + CLAIM)
            .bind(&id)
            .bind(next_at)
            .execute(app.database.pool())
            .await?
            .rows_affected();
        if claimed == 0 {
            continue;
        }
        let letter: Letter = serde_json::from_slice(&app.key.open(PURPOSE, &id, &sealed)?)
            .map_err(|error| Error::new(ErrorKind::Corrupt, "read the outbox").because(error))?;
        let outcome = app.mailer.send(&id, &letter).await;
        let again_at = app.clock.now_ms() + (SECOND * 5) * (1 << tries.clamp(0, 10));
        match outcome {
            Ok(()) => {
                sent += 1;
                app.metrics.add("mails_sent_total", 1);
            }
            Err(Failure::Later) if again_at < expires_at => {
                app.metrics.add("mail_failures_total", 1);
                sqlx::query("UPDATE outbox SET next_at = $1 WHERE id = $2")
                    .bind(again_at)
                    .bind(&id)
                    .execute(app.database.pool())
                    .await?;
                continue;
            }
            Err(_) => {
                app.metrics.add("mails_given_up_total", 1);
                tracing::warn!(mail = id, "a mail was given up");
            }
        }
        sqlx::query("DELETE FROM outbox WHERE id = $1").bind(&id).execute(app.database.pool()).await?;
    }
    Ok(sent)
}

/// What waits in the outbox, oldest first, for the admin command.
pub(crate) async fn waiting(app: &App) -> Result<Vec<(i64, Letter)>, Problem> {
    let rows = sqlx::query("SELECT id, message, created_at FROM outbox ORDER BY created_at, id LIMIT 1000")
        .fetch_all(app.database.pool())
        .await?;
    let letter = |row: sqlx::any::AnyRow| -> Result<(i64, Letter), Problem> {
        let (id, sealed): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let letter = serde_json::from_slice(&app.key.open(PURPOSE, &id, &sealed)?)
            .map_err(|error| Error::new(ErrorKind::Corrupt, "read the outbox").because(error))?;
        Ok((row.try_get(2)?, letter))
    };
    rows.into_iter().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MailConfig;

    #[test]
    fn mail_leaves_the_machine_encrypted_or_not_at_all() {
        let open = |server: &str| {
            Mailer::new(&MailConfig { server: Some(server.to_owned()), from: "a@example.org".to_owned() })
        };
        for good in [
            "smtp://127.0.0.1:2525",
            "smtp://localhost",
            "smtps://u:p@mail.example.org",
            "smtp://mail.example.org?tls=required",
        ] {
            assert!(open(good).is_ok(), "{good}");
        }
        for bad in [
            "smtp://mail.example.org",
            "smtp://u:p@10.0.0.1:25",
            "smtp://localhost.example.org",
            "http://127.0.0.1",
            "",
        ] {
            let error = open(bad).err().unwrap();
            assert!(bad.is_empty() || !format!("{error:?}").contains(bad), "{error:?}");
        }
        assert!(Mailer::new(&MailConfig { server: None, from: "nobody".to_owned() }).is_err());
    }
}
