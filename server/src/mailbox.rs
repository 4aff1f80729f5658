//! The demo's mailbox: a page on which the e-mails that left can be read.

use crate::mail::{ATTACHED, Mailer, Words, words};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use simone_store::Database;
use std::fmt::Write as _;
use std::sync::Arc;
use url::Url;

pub(crate) fn routes(database: Database, mailer: Arc<Mailer>, public_url: Url) -> Router {
    Router::new().route("/demo/mail", get(page)).with_state((database, mailer, public_url))
}

async fn page(State((database, mailer, public_url)): State<(Database, Arc<Mailer>, Url)>) -> Response {
    let emails = match database.latest_emails(50).await {
        Ok(emails) => emails,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the mailbox cannot be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let mut html = format!(
        "<!doctype html><html lang=\"fr\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>E-mails de la démo</title><link rel=\"icon\" href=\"/favicon.svg\">\
         <link rel=\"stylesheet\" href=\"{}\"></head><body><main>\
         <div><h1>E-mails de la démo</h1><p class=\"lead\">Ce que Simone aurait envoyé. Rien ne quitte cette \
         machine. <a href=\"/agenda\">Retour à l’agenda</a></p></div>",
        simone_app::STYLE_PATH
    );
    if emails.is_empty() {
        html.push_str("<p class=\"note calm\">Aucun e-mail n’est encore parti.</p>");
    }
    for email in &emails {
        let Words { subject, body } = words(email, &public_url);
        let _ = write!(
            html,
            "<article class=\"card\"><div class=\"body\"><h2>{}</h2><small>{}</small>",
            escape(&subject),
            escape(&email.to)
        );
        for paragraph in body.split("\n\n") {
            if paragraph.starts_with("http") {
                let url = escape(paragraph.trim());
                let _ = write!(html, "<p><a href=\"{url}\">{url}</a></p>");
            } else {
                let _ = write!(html, "<p>{}</p>", escape(paragraph).replace('\n', "<br>"));
            }
        }
        if let Some(calendar) = mailer.calendar(email) {
            let _ = write!(
                html,
                "<details class=\"numbers\"><summary>Pièce jointe : {ATTACHED}</summary><pre>{}</pre></details>",
                escape(&calendar.text)
            );
        }
        html.push_str("</div></article>");
    }
    html.push_str("</main></body></html>");
    Html(html).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
