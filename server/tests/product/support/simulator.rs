//! A simulator of the test's own, and its controls.

use super::browser;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use simone_simulator::Running;
use std::sync::Mutex;

/// The OAuth client of the product under test.
pub const CLIENT_ID: &str = "product-under-test.apps.googleusercontent.test";
pub const CLIENT_SECRET: &str = "the-secret-of-the-product-under-test";

pub struct Simulator {
    running: Running,
    client: Client,
    redirect_uris: Mutex<Vec<String>>,
}

impl Simulator {
    pub async fn start() -> Self {
        let options = simone_simulator::Options { seed: 11, ..Default::default() };
        let running = simone_simulator::start(options).await.expect("a free port");
        Self { running, client: browser::client(), redirect_uris: Mutex::default() }
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

    /// Lets the OAuth client of the product send browsers back to this address too, to the letter.
    pub async fn register(&self, redirect_uri: &str) {
        let redirect_uris = {
            let mut registered = self.redirect_uris.lock().unwrap();
            registered.push(redirect_uri.to_owned());
            registered.clone()
        };
        let client = json!({
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "name": "Simone", "redirect_uris": redirect_uris,
        });
        self.post("clients", client).await;
    }

    pub async fn set_secret(&self, secret: &str) {
        self.post("clients", json!({"client_id": CLIENT_ID, "client_secret": secret})).await;
    }

    pub async fn fault(&self, fault: Value) {
        self.post("faults", fault).await;
    }

    pub async fn clear_faults(&self) {
        self.ask(self.client.delete(self.url("/_control/faults"))).await;
    }

    /// Something that a person does on the platform; the event that it was about.
    pub async fn edit(&self, edit: Value) -> Value {
        self.post("edits", edit).await["event"].clone()
    }

    /// Adds an event to a primary calendar; its id.
    pub async fn add_event(&self, account: &str, event: Value) -> String {
        let event = self
            .edit(json!({"do": "add_event", "account": account, "event": event, "unchecked": true}))
            .await;
        event["id"].as_str().expect("an event has an id").to_owned()
    }

    /// What people allowed the product's client: one entry for each account.
    pub async fn grants(&self) -> Vec<Value> {
        let grants = self.get("grants").await;
        let ours = |grant: &&Value| grant["client_id"] == CLIENT_ID;
        grants.as_array().expect("a list").iter().filter(ours).cloned().collect()
    }

    /// The account's owner withdraws what they allowed.
    pub async fn withdraw(&self, account: &str) {
        self.post("grants/revoke", json!({"account": account, "client_id": CLIENT_ID})).await;
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
