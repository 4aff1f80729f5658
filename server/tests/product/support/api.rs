//! A marketplace's client. Every answer that it gets is held against the product's own document.

use super::browser::client;
use super::product::Product;
use super::schema::{fits, resolve};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};

/// A token of the API, and what is done with it.
#[derive(Clone)]
pub struct Api {
    client: Client,
    home: Url,
    pub token: String,
    pub document: Value,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

/// What requests are about.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    pub provider: String,
    pub connection: String,
    pub service: String,
    pub booking: String,
}

impl Ids {
    /// The same one everywhere.
    pub fn all(id: &str) -> Self {
        let id = || id.to_owned();
        Self { provider: id(), connection: id(), service: id(), booking: id() }
    }
}

/// A documented way to ask.
#[derive(Clone, Debug)]
pub struct Operation {
    pub method: Method,
    /// With `{names}`.
    pub path: String,
    pub id: String,
    /// What the document says of it.
    pub said: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The whole number that a header holds.
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        self.header(name).parse().unwrap_or_else(|_| panic!("{name} is no number: {:?}", self.headers))
    }

    #[track_caller]
    pub fn is(&self, status: StatusCode) -> &Value {
        assert_eq!(self.status, status, "{}", self.body);
        &self.body
    }

    /// An error of this status and code.
    #[track_caller]
    pub fn refused(&self, status: StatusCode, code: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["error"]["code"], code, "{}", self.body);
        self
    }

    /// Which names this field or parameter.
    #[track_caller]
    pub fn naming(&self, field: &str) {
        let named = self.body["error"]["field"].as_str().unwrap_or_default();
        // Or something inside of it.
        let is_it =
            named.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        assert!(is_it, "{field}: {}", self.body);
    }
}

impl Product {
    /// Makes a token by the command; its id, and the token.
    pub async fn make_token(&self, name: &str, provider: Option<&str>) -> (String, String) {
        let mut arguments = vec!["token", "add", name];
        arguments.extend(provider.into_iter().flat_map(|id| ["--provider", id]));
        let made = self.run(&arguments).await;
        let said = String::from_utf8(made.stdout).expect("it speaks UTF-8");
        assert!(made.status.success(), "{said}{}", String::from_utf8_lossy(&made.stderr));
        let word =
            |index: usize| said.split_whitespace().nth(index).unwrap().trim_end_matches('.').to_owned();
        let token = said.split_whitespace().last().unwrap().to_owned();
        assert!(token.starts_with("simone_"), "{said}");
        (word(1), token)
    }

    /// A client with a new token.
    pub async fn api(&self, provider: Option<&str>) -> Api {
        let (_, token) = self.make_token("Marché", provider).await;
        Api::new(&self.url, &token).await
    }
}

impl Api {
    pub async fn new(home: &Url, token: &str) -> Self {
        let client = client();
        let document = client.get(home.join("api/v1/openapi.json").unwrap()).send().await.unwrap();
        assert_eq!(document.status(), StatusCode::OK, "the document needs no token");
        assert_eq!(document.headers()[CONTENT_TYPE], "application/json");
        let document = serde_json::from_str(&document.text().await.unwrap()).unwrap();
        Self { client, home: home.clone(), token: token.to_owned(), document }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    pub fn address(&self, path: &str) -> Url {
        let path = path.strip_prefix(self.home.as_str()).unwrap_or(path);
        self.home.join(path.trim_start_matches('/')).unwrap()
    }

    /// Without the token, to be dressed as a test likes.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.address(path))
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// The list that a path answers, page by page; `between` runs after each page.
    pub async fn pages(&self, path: &str, mut between: impl AsyncFnMut()) -> Vec<Value> {
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let next = after.map(|after| format!("{path}{sign}after={after}"));
            let page = self.get(next.as_deref().unwrap_or(path)).await;
            let page = page.is(StatusCode::OK);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() {
                return items;
            }
            between().await;
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let asked = format!("{method} {path}: {status} {text}");
        assert_eq!(headers[CONTENT_TYPE], "application/json", "{asked}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(headers[name], value, "{asked}");
        }
        assert!(!headers.contains_key("set-cookie"), "{asked}");
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {asked}"));
        let answer = Answer { status, headers, body };
        self.check(&method, &path, &answer, &asked);
        answer
    }

    /// Holds an answer against the document: a status that is documented there, its body, and its headers.
    fn check(&self, method: &Method, path: &str, answer: &Answer, asked: &str) {
        let matches = |template: &str| {
            let (template, path): (Vec<_>, Vec<_>) =
                (template.split('/').collect(), path.split('/').collect());
            template.len() == path.len()
                && template
                    .iter()
                    .zip(&path)
                    .all(|(part, given)| part == given || part.starts_with('{') && !given.is_empty())
        };
        let operations = self.operations();
        let operation =
            operations.iter().find(|operation| operation.method == *method && matches(&operation.path));
        let Some(operation) = operation else {
            // An address or a method that is not documented answers an error.
            assert!([404, 405].contains(&answer.status.as_u16()), "not documented, and yet: {asked}");
            let schema = json!({"$ref": "#/components/schemas/Error"});
            fits(&self.document, &schema, &answer.body, "answer")
                .unwrap_or_else(|fault| panic!("{fault}: {asked}"));
            return;
        };
        let response = &operation.said["responses"][answer.status.as_str()];
        assert!(!response.is_null(), "this status is not documented: {asked}");
        let response = resolve(&self.document, response);
        let schema = &response["content"]["application/json"]["schema"];
        fits(&self.document, schema, &answer.body, "answer")
            .unwrap_or_else(|fault| panic!("{fault}: {asked}"));
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let value = answer.header(name);
            let value = match header["schema"]["type"].as_str() {
                Some("integer") => {
                    json!(value.parse::<i64>().unwrap_or_else(|_| panic!("{name} {value}: {asked}")))
                }
                _ => json!(value),
            };
            assert_ne!(value, "", "the header {name} is missing: {asked}");
            fits(&self.document, &header["schema"], &value, name).unwrap();
        }
    }

    /// All that is documented, except the document itself.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for (method, said) in item.as_object().unwrap() {
                let id = said["operationId"].as_str().unwrap().to_owned();
                if id != "readDocument" {
                    let method = method.to_uppercase().parse().unwrap();
                    operations.push(Operation { method, path: path.clone(), id, said: said.clone() });
                }
            }
        }
        operations
    }
}

impl Operation {
    /// The address, with these ids in the place of the names, and the parameters without which it is no request.
    pub fn at(&self, ids: &Ids) -> String {
        let needed = match self.id.as_str() {
            "listAvailability" => format!("service={}", ids.service),
            "listBookings" => format!("provider={}", ids.provider),
            _ => return self.path_of(ids),
        };
        format!("{}?{needed}", self.path_of(ids))
    }

    /// The same, with a query of one's own instead of what is needed by the same name.
    pub fn asking(&self, ids: &Ids, query: &str) -> String {
        let whole = self.at(ids);
        let (path, needed) = whole.split_once('?').unwrap_or((&whole, ""));
        let name = needed.split('=').next().unwrap_or_default();
        let is_named = query.split('&').any(|part| part.split('=').next() == Some(name));
        if needed.is_empty() || is_named {
            format!("{path}?{query}")
        } else {
            format!("{path}?{needed}&{query}")
        }
    }

    fn path_of(&self, ids: &Ids) -> String {
        let path = self.path.replace("{provider}", &ids.provider).replace("{connection}", &ids.connection);
        let path = path.replace("{service}", &ids.service).replace("{booking}", &ids.booking);
        assert!(!path.contains('{'), "a name that this test does not know: {path}");
        path
    }

    /// By an id in its path.
    pub fn names_somebody(&self) -> bool {
        self.path.contains('{')
    }

    /// By an id in its body or in its query.
    pub fn asks_for_somebody(&self) -> bool {
        matches!(self.id.as_str(), "createBooking" | "listBookings")
    }

    /// The names of its query parameters.
    pub fn parameters(&self) -> Vec<String> {
        let parameters = self.said["parameters"].as_array().cloned().unwrap_or_default();
        let queried = parameters.iter().filter(|parameter| parameter["in"] == "query");
        queried.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    pub fn has_body(&self) -> bool {
        !self.said["requestBody"].is_null()
    }
}
