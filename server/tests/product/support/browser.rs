//! A browser without scripts: cookies, redirects, links and forms.

use super::html::{self, Element, Form};
use super::platform::Side;
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, COOKIE, HeaderMap, LOCATION, ORIGIN, REFERER, SET_COOKIE};
use reqwest::{Client, Method, StatusCode, Url};
use std::collections::BTreeMap;

/// One person's browser: its cookies, and where it is.
pub struct Browser {
    client: Client,
    home: Url,
    cookies: BTreeMap<String, String>,
    at: Url,
    /// On whose calendars accounts are connected where nothing is said.
    pub side: Side,
}

/// What an address or a form answered.
#[derive(Debug)]
pub struct Page {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub html: String,
}

/// What a person does on the platform's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    Allow,
    Deny,
    /// Back out before an account is chosen.
    Cancel,
    /// Allow, with the box of the events unticked.
    WithoutEvents,
    /// Back from the page that says that an administrator has to agree.
    NeedsApproval,
}

/// A client that follows nothing and keeps nothing.
pub fn client() -> Client {
    simone_platforms::tls::install();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client can be made")
}

impl Browser {
    pub fn new(home: &Url, side: Side) -> Self {
        Self { client: client(), home: home.clone(), cookies: BTreeMap::new(), at: home.clone(), side }
    }

    pub fn address(&self, path: &str) -> Url {
        self.home.join(path).expect("a path")
    }

    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    /// One request as a browser makes it, and what came back, not followed.
    pub async fn request(&mut self, method: Method, url: Url, form: Option<&Form>) -> Page {
        let mut request = self
            .client
            .request(method.clone(), url.clone())
            .header(ACCEPT, "text/html,application/xhtml+xml")
            .header(ACCEPT_LANGUAGE, "fr-FR,fr;q=0.9");
        if method != Method::GET {
            request = request
                .header(ORIGIN, self.at.origin().ascii_serialization())
                .header(REFERER, self.at.as_str())
                .header(
                    "sec-fetch-site",
                    if self.at.origin() == url.origin() { "same-origin" } else { "cross-site" },
                );
        }
        if let Some(form) = form {
            request = request.form(&form.fields);
        }
        // As in a browser: cookies belong to a host, whatever the port.
        if !self.cookies.is_empty() {
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, cookies.join("; "));
        }
        self.answer(request, url).await
    }

    /// Sends a request of any make, and keeps the cookies that come back.
    pub async fn answer(&mut self, request: reqwest::RequestBuilder, url: Url) -> Page {
        let response =
            request.send().await.unwrap_or_else(|error| panic!("{url} does not answer: {error:?}"));
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie is text");
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let html = response.text().await.expect("the answer is whole");
        Page { url, status, headers, html }
    }

    /// A request with this browser's cookies, to be dressed as a test likes.
    pub fn raw(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.client.request(method, self.address(path)).header(COOKIE, cookies.join("; "))
    }

    /// Follows redirects; one that leads to `until` is left for the caller.
    async fn follow(&mut self, mut page: Page, until: Option<&str>) -> Page {
        for _ in 0..10 {
            let Some(location) = page.headers.get(LOCATION).filter(|_| page.status.is_redirection()) else {
                self.at = page.url.clone();
                return page;
            };
            let next = page.url.join(location.to_str().expect("an address is text")).expect("an address");
            if until.is_some_and(|until| next.path().starts_with(until)) {
                page.url = next;
                return page;
            }
            page = self.request(Method::GET, next, None).await;
        }
        panic!("redirected without end: {}", page.url);
    }

    /// Opens an address, or a path of the product.
    pub async fn open(&mut self, address: &str) -> Page {
        let url = self.address(address);
        let page = self.request(Method::GET, url, None).await;
        self.follow(page, None).await
    }

    /// Opens an address and stays there, whatever it answers.
    pub async fn peek(&mut self, address: &str) -> Page {
        let url = self.address(address);
        self.request(Method::GET, url, None).await
    }

    /// Sends a form, `from` the page that holds it.
    pub async fn send(&mut self, from: &Page, form: &Form) -> Page {
        self.send_until(from, form, None).await
    }

    async fn send_until(&mut self, from: &Page, form: &Form, until: Option<&str>) -> Page {
        self.at = from.url.clone();
        let url = if form.action.is_empty() {
            from.url.clone()
        } else {
            from.url.join(&form.action).expect("an action")
        };
        let page = if form.post {
            self.request(Method::POST, url, Some(form)).await
        } else {
            let mut url = url;
            url.query_pairs_mut().clear().extend_pairs(&form.fields);
            self.request(Method::GET, url, None).await
        };
        self.follow(page, until).await
    }

    /// Presses the button of this label.
    pub async fn press(&mut self, from: &Page, label: &str) -> Page {
        let form = from.form(label);
        self.send(from, &form).await
    }

    /// Follows the link of this label.
    pub async fn click(&mut self, from: &Page, label: &str) -> Page {
        let document = from.document();
        let links = document.all(|element| element.name == "a" && element.label() == label);
        let [link] = links[..] else { panic!("{} links « {label} » on {}", links.len(), from.describe()) };
        let url = from.url.join(link.attribute("href").expect("a link leads somewhere")).expect("an address");
        self.open(url.as_str()).await
    }

    /// Enters by a one-time link: the page's button.
    pub async fn enter(&mut self, link: &str) -> Page {
        let page = self.open(link).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.describe());
        let entered = self.press(&page, "Entrer").await;
        assert_eq!(entered.url.path(), "/agenda", "{}", entered.describe());
        entered
    }

    /// From a button of ours over the platform's pages to where the platform sends the browser back, which is not
    /// opened yet.
    pub async fn consent(&mut self, from: &Page, button: &str, account: &str, consent: Consent) -> Url {
        const BACK: &str = "/oauth/";
        let labels = self.side.labels();
        let form = from.form(button);
        let mut page = self.send_until(from, &form, Some(BACK)).await;
        if page.url.path().starts_with(BACK) {
            return page.url;
        }
        assert_eq!(page.status, StatusCode::OK, "{}", page.describe());
        if page.has_button(account) {
            if consent == Consent::Cancel {
                let form = page.form(labels.leave);
                return self.send_until(&page, &form, Some(BACK)).await.url;
            }
            let form = page.form(account);
            page = self.send_until(&page, &form, Some(BACK)).await;
            // Who agreed before is not asked again everywhere.
            if page.url.path().starts_with(BACK) {
                return page.url;
            }
        }
        // A page that preselects an account lets the person switch to another one.
        let switched = |form: Form| match form.fields.iter().any(|(name, _)| name == "account") {
            true => form.with("account", account),
            false => form,
        };
        let form = match consent {
            Consent::Allow => switched(page.form(labels.allow)),
            Consent::Deny | Consent::Cancel => page.form(labels.deny),
            Consent::NeedsApproval => {
                page.says("Approbation de l’administrateur requise");
                page.form("Revenir à l’application sans accorder l’autorisation")
            }
            Consent::WithoutEvents => page
                .form("Autoriser")
                .without(|name, value| name == "granted" && value.ends_with("/calendar.events")),
        };
        let back = self.send_until(&page, &form, Some(BACK)).await;
        assert!(back.url.path().starts_with(BACK), "{}", back.describe());
        back.url
    }

    /// Connects an account from the settings and comes back to them.
    pub async fn connect(&mut self, account: &str, consent: Consent) -> Page {
        let settings = self.open("/settings/calendars").await;
        let button = [self.side.button(), self.side.another_button()]
            .into_iter()
            .find(|button| settings.has_button(button))
            .unwrap_or_else(|| panic!("no button to connect on {}", settings.describe()));
        let back = self.consent(&settings, &button, account, consent).await;
        self.open(back.as_str()).await
    }
}

impl Page {
    pub fn document(&self) -> Element {
        html::parse(&self.html)
    }

    /// What can be read on it.
    pub fn text(&self) -> String {
        self.document().named("body").first().map(|body| body.text()).unwrap_or_default()
    }

    /// For the message of a test that fails.
    pub fn describe(&self) -> String {
        let text = if self.html.starts_with('<') { self.text() } else { self.html.clone() };
        format!("{} {}: {text}", self.status, self.url)
    }

    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(self.text().contains(words), "« {words} » is not on {}", self.describe());
    }

    #[track_caller]
    pub fn does_not_say(&self, words: &str) {
        assert!(!self.text().contains(words), "« {words} » is on {}", self.describe());
    }

    pub fn has_button(&self, label: &str) -> bool {
        !self.document().all(|element| element.name == "button" && element.label() == label).is_empty()
    }

    /// The form that pressing this button sends, with the button's own value.
    #[track_caller]
    pub fn form(&self, label: &str) -> Form {
        let document = self.document();
        let mut found = Vec::new();
        for form in document.named("form") {
            for button in form.all(|element| element.name == "button" && element.label() == label) {
                let mut form = Form::of(form);
                if let Some(name) = button.attribute("name") {
                    form.fields
                        .push((name.to_owned(), button.attribute("value").unwrap_or_default().to_owned()));
                }
                found.push(form);
            }
        }
        assert_eq!(found.len(), 1, "buttons « {label} » on {}", self.describe());
        found.remove(0)
    }

    /// All forms on it that send something.
    pub fn post_forms(&self) -> Vec<Form> {
        self.document().named("form").into_iter().map(Form::of).filter(|form| form.post).collect()
    }

    /// The seven days of an agenda, as text.
    pub fn days(&self) -> Vec<String> {
        let document = self.document();
        let days = document.all(|element| element.name == "section" && element.has_class("day"));
        days.iter().map(|day| day.text()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
