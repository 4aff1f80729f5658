//! A simulator of the test's own, and its controls.

use super::browser;
use super::platform::Side;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use simone_simulator::Running;
use std::sync::Mutex;

/// The secret of the product's OAuth clients, of which it has one at each platform.
pub const CLIENT_SECRET: &str = "the-secret-of-the-product-under-test";

pub struct Simulator {
    running: Running,
    client: Client,
    redirect_uris: Mutex<Vec<Url>>,
    /// Whose calendars are meant where nothing is said.
    pub side: Side,
}

impl Simulator {
    pub async fn start() -> Self {
        Self::start_at(Side::Google).await
    }

    pub async fn start_at(side: Side) -> Self {
        let options = simone_simulator::Options { seed: 11, ..Default::default() };
        let running = simone_simulator::start(options).await.expect("a free port");
        Self { running, client: browser::client(), redirect_uris: Mutex::default(), side }
    }

    pub fn url(&self, path: &str) -> Url {
        format!("{}{path}", self.running.base_url()).parse().expect("an address")
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Value {
        let response = request.send().await.expect("the simulator answers");
        let (status, body) = (response.status(), response.text().await.expect("the answer is whole"));
        assert!(status.is_success(), "the simulator: {status} {body}");
        serde_json::from_str(&body).expect("the controls speak JSON")
    }

    pub async fn post(&self, control: &str, body: Value) -> Value {
        self.ask(self.client.post(self.url(&format!("/_control/{control}"))).json(&body)).await
    }

    pub async fn get(&self, control: &str) -> Value {
        self.ask(self.client.get(self.url(&format!("/_control/{control}")))).await
    }

    /// Lets the product's OAuth clients send browsers back to this address of it too, to the letter.
    pub async fn register(&self, product: &Url) {
        let products = {
            let mut registered = self.redirect_uris.lock().unwrap();
            registered.push(product.clone());
            registered.clone()
        };
        for side in Side::ALL {
            let redirect_uris: Vec<Url> =
                products.iter().map(|product| product.join(&side.callback()).unwrap()).collect();
            let client = json!({
                "platform": side.code(), "client_id": side.client_id(), "client_secret": CLIENT_SECRET, "name": "Simone",
                "redirect_uris": redirect_uris,
            });
            self.post("clients", client).await;
        }
    }

    pub async fn set_secret(&self, secret: &str) {
        let (platform, client_id) = (self.side.code(), self.side.client_id());
        let client = json!({"platform": platform, "client_id": client_id, "client_secret": secret});
        self.post("clients", client).await;
    }

    /// Adds an account, in Google's words.
    pub async fn add_account(&self, account: Value) -> Value {
        self.post("accounts", self.side.account(account)).await
    }

    pub async fn fault(&self, fault: Value) {
        self.post("faults", fault).await;
    }

    pub async fn clear_faults(&self) {
        self.ask(self.client.delete(self.url("/_control/faults"))).await;
    }

    /// Something that a person does on the platform; the event that it was about.
    pub async fn edit(&self, edit: Value) -> Value {
        let edited = self.post("edits", self.side.edit(edit)).await;
        // An edit of something else has none.
        if edited["event"].is_object() { self.side.told(&edited["event"]) } else { Value::Null }
    }

    /// Several of them, one after the other.
    pub async fn edits(&self, edits: Vec<Value>) {
        let edits: Vec<Value> = edits.into_iter().map(|edit| self.side.edit(edit)).collect();
        self.post("edits", edits.into()).await;
    }

    /// Access tokens of an account are no longer taken.
    pub async fn expire_tokens(&self, account: &str) {
        self.post("tokens/expire", json!({"platform": self.side.code(), "account": account})).await;
    }

    /// Adds an event to a primary calendar; its id.
    pub async fn add_event(&self, account: &str, event: Value) -> String {
        let event = self
            .edit(json!({"do": "add_event", "account": account, "event": event, "unchecked": true}))
            .await;
        event["id"].as_str().expect("an event has an id").to_owned()
    }

    /// What a calendar holds, in Google's words.
    pub async fn events(&self, query: &str) -> Vec<Value> {
        let query = match self.side {
            Side::Google => query.to_owned(),
            Side::Outlook => query.replace(super::FAMILY, "Famille"),
        };
        let events = self.get(&format!("events?platform={}&{query}", self.side.code())).await;
        events.as_array().expect("a list").iter().map(|event| self.side.told(event)).collect()
    }

    /// The most requests that any mailbox had to answer at a time.
    pub async fn most_at_a_time(&self) -> u64 {
        let mailboxes = self.get("throttle").await;
        let highest = |mailbox: &Value| mailbox["highest"].as_u64();
        mailboxes.as_array().expect("a list").iter().filter_map(highest).max().unwrap_or(0)
    }

    /// What people allowed the product's client: one entry for each account.
    pub async fn grants(&self) -> Vec<Value> {
        let grants = self.get("grants").await;
        let ours = |grant: &&Value| Side::ALL.iter().any(|side| grant["client_id"] == side.client_id());
        grants.as_array().expect("a list").iter().filter(ours).cloned().collect()
    }

    /// The account's owner withdraws what they allowed.
    pub async fn withdraw(&self, account: &str) {
        let client_id = self.side.client_id();
        let mut withdrawn = json!({"platform": self.side.code(), "account": account, "client_id": client_id});
        if self.side == Side::Outlook {
            // What was handed out would else live on for an hour.
            withdrawn["at_once"] = json!(true);
        }
        self.post("grants/revoke", withdrawn).await;
    }

    /// The requests since the log was last cleared whose path contains `part`.
    pub async fn requests(&self, part: &str) -> Vec<Value> {
        let requests = self.get("requests").await;
        let wanted = |request: &&Value| request["path"].as_str().is_some_and(|path| path.contains(part));
        requests.as_array().expect("a list").iter().filter(wanted).cloned().collect()
    }

    pub async fn forget_requests(&self) {
        self.ask(self.client.delete(self.url("/_control/requests"))).await;
    }
}
