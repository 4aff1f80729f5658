//! How e-mails leave.

mod booking;
mod calendar;
mod conflicts;
mod words;

pub(crate) use calendar::Calendar;
pub(crate) use words::{Words, words};

use crate::config::MailConfig;
use anyhow::Context as _;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::ExposeSecret as _;
use simone_booking::Clock;
use simone_store::Database;
use simone_store::deliveries::{Email, EmailKind};
use simone_sync::ports::StoreError;
use std::path::PathBuf;
use url::Url;
use uuid::Uuid;

/// An e-mail that could not be sent for this many times is given up.
const MOST_ATTEMPTS: i64 = 12;

/// Well under the minute for which an e-mail is handed out.
const SMTP_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

/// What the appointment is called among the attachments.
pub(crate) const ATTACHED: &str = "rendez-vous.ics";

/// How e-mails leave.
pub(crate) struct Mailer {
    from: Mailbox,
    public_url: Url,
    way: Way,
}

enum Way {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
    /// Neither is configured: e-mails wait.
    None,
}

impl Mailer {
    pub(crate) fn new(config: &MailConfig, public_url: Url) -> anyhow::Result<Self> {
        let from = config.from.parse().context("`mail.from` is not an e-mail address")?;
        let way = match (&config.smtp, &config.folder) {
            (Some(smtp), _) => {
                simone_platforms::tls::install();
                let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(smtp.expose_secret())
                    .ok()
                    .context("`mail.smtp` is not the address of a mail server")?;
                Way::Smtp(Box::new(transport.timeout(Some(SMTP_TIMEOUT)).build()))
            }
            (None, Some(folder)) => Way::Folder(folder.clone()),
            (None, None) => {
                tracing::warn!("no e-mail can leave: neither `mail.smtp` nor `mail.folder` is configured");
                Way::None
            }
        };
        Ok(Self { from, public_url, way })
    }

    /// Whether e-mails would leave, as far as can be told without sending one.
    pub(crate) async fn check(&self) -> Result<&'static str, &'static str> {
        match &self.way {
            Way::Smtp(transport) => match transport.test_connection().await {
                Ok(true) => Ok("the mail server answers"),
                _ => Err("the mail server of `mail.smtp` does not answer, or does not let us in"),
            },
            Way::Folder(folder) => match tokio::fs::create_dir_all(folder).await {
                Ok(()) => Ok("e-mails are written into a folder, not sent"),
                Err(_) => Err("the folder `mail.folder` cannot be made"),
            },
            Way::None => Err("no e-mail can leave: neither `mail.smtp` nor `mail.folder` is configured"),
        }
    }

    /// The error names no recipient and no content.
    fn message(&self, id: Uuid, email: &Email) -> Result<Message, &'static str> {
        let Words { subject, body } = words(email, &self.public_url);
        let to =
            Mailbox::new(Some(email.name.clone()), email.to.parse().map_err(|_| "not an e-mail address")?);
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            // The same for each attempt, so that a repetition can be seen as one.
            .message_id(Some(format!("<{id}@{}>", self.public_url.host_str().unwrap_or("simone"))));
        match self.calendar(email) {
            None => message.header(ContentType::TEXT_PLAIN).body(body),
            // Beside the words for programs that read it as an invitation, and attached for those that do not.
            Some(Calendar { method, text }) => {
                let kind = format!("text/calendar; charset=utf-8; method={method}");
                let kind = ContentType::parse(&kind).map_err(|_| "cannot be put into a message")?;
                message.multipart(
                    MultiPart::mixed()
                        .multipart(MultiPart::alternative().singlepart(SinglePart::plain(body)).singlepart(
                            SinglePart::builder().header(kind.clone()).body(text.clone().into_bytes()),
                        ))
                        .singlepart(Attachment::new(ATTACHED.to_owned()).body(text.into_bytes(), kind)),
                )
            }
        }
        .map_err(|_| "cannot be put into a message")
    }

    /// What a calendar program is given with an e-mail.
    pub(crate) fn calendar(&self, email: &Email) -> Option<Calendar> {
        calendar_of(email, &self.from, &self.public_url)
    }

    async fn send(&self, id: Uuid, email: &Email) -> Result<(), &'static str> {
        let message = self.message(id, email)?;
        match &self.way {
            Way::Smtp(transport) => transport.send(message).await.map(drop).map_err(|error| {
                if error.is_permanent() {
                    "the mail server refuses it"
                } else {
                    "the mail server does not take it"
                }
            }),
            Way::Folder(folder) => {
                let written = async {
                    tokio::fs::create_dir_all(folder).await?;
                    tokio::fs::write(folder.join(format!("{id}.eml")), message.formatted()).await
                };
                written.await.map_err(|_| "the folder cannot be written")
            }
            Way::None => Err("no mail server is configured"),
        }
    }
}

/// What a calendar program is given with an e-mail, if it is about an appointment of its reader.
fn calendar_of(email: &Email, from: &Mailbox, public_url: &Url) -> Option<Calendar> {
    let EmailKind::Booking(mail) = &email.kind else { return None };
    calendar::calendar(mail, &email.to, email.locale, from, public_url)
}

/// Sends what is due.
pub(crate) async fn deliver(
    database: &Database,
    mailer: &Mailer,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    // One at a time: who is handed several might still be sending when the last of them is due again.
    while let Some(due) = database.due_emails(clock.now(), 1).await?.pop() {
        let sent = mailer.send(due.id, &due.email).await;
        let now = clock.now();
        match sent {
            Ok(()) => database.settle_delivery(due.id, now, None, None).await?,
            Err(reason) => {
                let next = (due.attempts < MOST_ATTEMPTS)
                    .then(|| now + chrono::TimeDelta::minutes(1 << due.attempts.clamp(0, 10)));
                tracing::warn!(delivery = %due.id, attempts = due.attempts, reason, "an e-mail was not sent");
                database.settle_delivery(due.id, now, next, Some(reason)).await?;
            }
        }
    }
    Ok(())
}
