//! Microsoft's side of the simulator, as its clients meet it.

use std::collections::HashMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::{DEMO_OUTLOOK_CLIENT_ID, DEMO_OUTLOOK_CLIENT_SECRET, Options};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::graph_bodies;
use crate::graph_schema::fits;
use crate::support::{NOW, Reply, Sim, instant, reply};

/// Of an organization.
pub const EVA: &str = "eva@contoso.test";
/// Of nobody but himself.
pub const LEO: &str = "leo@outlook.test";
pub const BACK: &str = "http://127.0.0.1:3000/oauth/outlook/callback";
pub const SCOPE: &str = "openid profile email offline_access User.Read MailboxSettings.Read Calendars.ReadWrite \
                         Calendars.ReadWrite.Shared";

impl Sim {
    /// Frozen at `NOW`, with Eva and Leo; the token is Eva's.
    pub async fn graph() -> Sim {
        let mut sim = Sim::with(Options { now: Some(instant(NOW)), seed: 7, ..Options::default() }).await;
        let eva = json!({"platform": "outlook", "email": EVA, "name": "Eva Durand", "zone": "Europe/Paris"});
        sim.token = sim.control("accounts", eva).await["access_token"].as_str().unwrap().to_owned();
        sim.control("accounts", json!({"platform": "outlook", "email": LEO, "personal": true})).await;
        sim
    }

    pub async fn token_of(&self, email: &str) -> String {
        let accounts = self.observe("accounts").await;
        let found = accounts.as_array().unwrap().iter().find(|one| one["email"] == email).unwrap();
        found["access_token"].as_str().unwrap().to_owned()
    }

    /// Nobody asks: there is no token. The path is one below the version, or a whole address.
    pub fn unsigned(&self, method: Method, path: &str) -> Asking<'_> {
        let url = if path.starts_with("http") { path.to_owned() } else { self.url(&format!("/v1.0{path}")) };
        Asking { sim: self, request: self.http.request(method, url) }
    }

    pub fn asking(&self, method: Method, path: &str) -> Asking<'_> {
        self.unsigned(method, path).signed(&self.token)
    }

    pub async fn graph_get(&self, path: &str) -> Reply {
        self.asking(Method::GET, path).send().await
    }

    /// With somebody else's token.
    pub async fn graph_get_as(&self, token: &str, path: &str) -> Reply {
        self.unsigned(Method::GET, path).signed(token).send().await
    }

    pub async fn graph_send(&self, method: Method, path: &str, body: Value) -> Reply {
        self.asking(method, path).json(&body).send().await
    }

    pub async fn authorize_at(&self, tenant: &str, more: &[(&str, &str)]) -> Reply {
        let url = self.url(&format!("/{tenant}/oauth2/v2.0/authorize"));
        reply(self.http.get(url).query(&asked(more)).send().await.unwrap()).await
    }

    pub async fn decide_at(&self, tenant: &str, more: &[(&str, &str)]) -> Reply {
        let url = self.url(&format!("/{tenant}/oauth2/v2.0/authorize"));
        reply(self.http.post(url).form(&asked(more)).send().await.unwrap()).await
    }

    /// Someone consents to what is asked: the code.
    pub async fn consented(&self, email: &str, more: &[(&str, &str)]) -> String {
        let form = [&[("account", email), ("decision", "allow")], more].concat();
        landed(&self.decide_at("common", &form).await)["code"].clone()
    }

    /// At the token endpoint, as the demo client unless something else is said; empty leaves out.
    pub async fn tokens(&self, form: &[(&str, &str)]) -> Reply {
        let mut fields: HashMap<&str, &str> = HashMap::from([
            ("client_id", DEMO_OUTLOOK_CLIENT_ID),
            ("client_secret", DEMO_OUTLOOK_CLIENT_SECRET),
        ]);
        fields.extend(form.iter().copied());
        fields.retain(|_, value| !value.is_empty());
        let tenant = fields.remove("tenant").unwrap_or("common");
        let url = self.url(&format!("/{tenant}/oauth2/v2.0/token"));
        reply(self.http.post(url).form(&fields).send().await.unwrap()).await
    }

    pub async fn exchanged(&self, code: &str, more: &[(&str, &str)]) -> Reply {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)];
        self.tokens(&[&form[..], more].concat()).await
    }

    pub async fn refreshed(&self, token: &str, more: &[(&str, &str)]) -> Reply {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.tokens(&[&form[..], more].concat()).await
    }

    /// A whole consent: access token and refresh token.
    pub async fn connected(&self, email: &str) -> (String, String) {
        let code = self.consented(email, &[]).await;
        let reply = self.exchanged(&code, &[]).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let text = |name: &str| reply.body[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }
}

/// A request to Graph. There is no way to send it without having its answer checked.
pub struct Asking<'a> {
    sim: &'a Sim,
    request: reqwest::RequestBuilder,
}

impl Asking<'_> {
    fn with(self, change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Self {
        Self { request: change(self.request), ..self }
    }

    pub fn signed(self, token: &str) -> Self {
        self.with(|request| request.bearer_auth(token))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|request| request.header(name, value))
    }

    pub fn json(self, body: &Value) -> Self {
        self.with(|request| request.json(body))
    }

    pub fn body(self, body: &'static str) -> Self {
        self.with(|request| request.body(body))
    }

    pub async fn send(self) -> Reply {
        self.try_send().await.unwrap()
    }

    /// The connection may break.
    pub async fn try_send(self) -> reqwest::Result<Reply> {
        let (client, request) = self.request.build_split();
        let request = request?;
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let asked = serde_json::from_slice(body).unwrap_or_default();
        let reply = reply(client.execute(request).await?).await;
        let answered = graph_bodies::check(&method, &path, &asked, &reply);
        self.sim.answered.lock().unwrap().extend(answered);
        Ok(reply)
    }
}

pub fn asked(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut parameters: HashMap<&str, &str> = HashMap::from([
        ("client_id", DEMO_OUTLOOK_CLIENT_ID),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", SCOPE),
        ("state", "s/t+a te"),
    ]);
    parameters.extend(more.iter().copied());
    parameters.retain(|_, value| !value.is_empty());
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What comes back to the client's address.
pub fn landed(reply: &Reply) -> HashMap<String, String> {
    assert_eq!(reply.status, 302, "{}", reply.body);
    let location = reply.headers["location"].to_str().unwrap();
    assert!(location.starts_with(BACK), "{location}");
    url::Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

/// The code of a Graph error.
pub fn code(reply: &Reply) -> &str {
    reply.body["error"]["code"].as_str().unwrap_or_default()
}

/// What a client listens with: it answers handshakes and keeps what it hears, which must fit Microsoft's description.
pub struct Hook {
    pub address: String,
    heard: Arc<Mutex<Vec<Value>>>,
    /// What the next notifications are answered with; then 202.
    pub answers: Arc<Mutex<Vec<u16>>>,
    /// How handshakes are answered.
    pub manner: Arc<Mutex<Manner>>,
    pub shaken: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy, Default, PartialEq)]
pub enum Manner {
    #[default]
    Well,
    StillEncoded,
    AsJson,
    Refused,
}

impl Hook {
    pub async fn start() -> Hook {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let hook = Hook {
            address,
            heard: Arc::default(),
            answers: Arc::default(),
            manner: Arc::default(),
            shaken: Arc::default(),
        };
        let (heard, answers) = (hook.heard.clone(), hook.answers.clone());
        let (manner, shaken) = (hook.manner.clone(), hook.shaken.clone());
        let hear = move |RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes| async move {
            let query = query.unwrap_or_default();
            let raw = query.split('&').find_map(|pair| pair.strip_prefix("validationToken="));
            if let Some(raw) = raw {
                let pairs = url::form_urlencoded::parse(query.as_bytes());
                let token = pairs.into_owned().find(|(name, _)| name == "validationToken").unwrap().1;
                assert!(headers["content-type"].to_str().unwrap().starts_with("text/plain"));
                shaken.lock().unwrap().push(query.clone());
                return shake(*manner.lock().unwrap(), raw, token);
            }
            heard.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            let mut next = answers.lock().unwrap();
            StatusCode::from_u16(if next.is_empty() { 202 } else { next.remove(0) }).unwrap().into_response()
        };
        let app = Router::new().route("/hook", axum::routing::post(hear));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        hook
    }

    /// Waits until so many messages have come, and a moment for more than that.
    pub async fn heard(&self, count: usize) -> Vec<Value> {
        for _ in 0..400 {
            if self.heard.lock().unwrap().len() >= count {
                break;
            }
            wait(10).await;
        }
        wait(60).await;
        self.check();
        let heard = self.heard.lock().unwrap().clone();
        assert_eq!(heard.len(), count, "{heard:#?}");
        heard
    }

    pub fn forget(&self) {
        self.check();
        self.heard.lock().unwrap().clear();
    }

    fn check(&self) {
        for message in self.heard.lock().unwrap().iter() {
            fits("changeNotificationCollection", message);
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}

fn shake(manner: Manner, raw: &str, token: String) -> Response {
    match manner {
        Manner::Well => token.into_response(),
        Manner::StillEncoded => raw.to_owned().into_response(),
        Manner::AsJson => axum::Json(token).into_response(),
        Manner::Refused => StatusCode::FORBIDDEN.into_response(),
    }
}

#[expect(clippy::disallowed_methods, reason = "messages come in real time")]
pub async fn wait(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
