//! Batches (12), as Google's clients send them.

use serde_json::{Value, json};

use crate::support::{Sim, timed};

const EVENTS: &str = "/calendar/v3/calendars/primary/events";

/// One part of an answer: its `Content-ID`, status and body.
struct Part {
    id: Option<String>,
    status: u16,
    head: String,
    body: Value,
}

impl Sim {
    async fn batch(&self, parts: &[String]) -> (u16, Vec<Part>, Value) {
        let body: String =
            parts.iter().map(|part| format!("--b:1\r\n{part}\r\n")).collect::<String>() + "--b:1--\r\n";
        let sent = self
            .http
            .post(self.url("/batch/calendar/v3"))
            .bearer_auth(&self.token)
            .header("content-type", "multipart/mixed; boundary=\"b:1\"")
            .body(body)
            .send()
            .await
            .unwrap();
        let status = sent.status().as_u16();
        let kind = sent.headers()["content-type"].to_str().unwrap().to_owned();
        let text = sent.text().await.unwrap();
        let Some(boundary) = kind.strip_prefix("multipart/mixed; boundary=") else {
            return (status, Vec::new(), serde_json::from_str(&text).unwrap());
        };
        let delimiter = format!("--{boundary}");
        let pieces: Vec<_> = text.split(&delimiter).collect();
        assert_eq!((pieces[0], pieces[pieces.len() - 1]), ("", "--\r\n"));
        let parts = pieces[1..pieces.len() - 1].iter().map(|piece| {
            let mut sections = piece.strip_prefix("\r\n").unwrap().splitn(3, "\r\n\r\n");
            let (outer, head, body) =
                (sections.next().unwrap(), sections.next().unwrap(), sections.next().unwrap());
            assert!(outer.starts_with("Content-Type: application/http"), "{outer}");
            Part {
                id: outer.lines().find_map(|line| line.strip_prefix("Content-ID: ")).map(str::to_owned),
                status: head.split(' ').nth(1).unwrap().parse().unwrap(),
                head: head.to_owned(),
                body: serde_json::from_str(body).unwrap_or(Value::Null),
            }
        });
        (status, parts.collect(), Value::Null)
    }
}

fn part(id: &str, request: &str) -> String {
    format!(
        "Content-Type: application/http\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n{request}\r\n"
    )
}

fn insert(event: &Value) -> String {
    let body = event.to_string();
    format!(
        "POST {EVENTS}?alt=json HTTP/1.1\r\nContent-Type: application/json\r\nHost: www.googleapis.com\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn each_call_is_judged_on_its_own() {
    let sim = Sim::start().await;
    let there = sim.add(timed("There", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    let gone = sim.add(timed("Gone", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    let (status, parts, _) = sim
        .batch(&[
            part("<x + 1>", &format!("GET {EVENTS}/{there}?fields=summary HTTP/1.1\r\n")),
            part("<x + 2>", &format!("GET {EVENTS}/nothing")),
            part("item3", &insert(&timed("Née", "2027-03-21T10:00:00", "2027-03-21T11:00:00"))),
            part("<x + 4>", &format!("DELETE {EVENTS}/{gone} HTTP/1.1\r\n\r\n")),
            part("<x + 5>", &format!("GET {EVENTS} HTTP/1.1\nAuthorization: Bearer wrong\n")),
            part("<x + 6>", &format!("GET http://www.googleapis.com{EVENTS}?maxResults=1 HTTP/1.1\r\nAccept-Encoding: gzip\r\n")),
            part("<x + 7>", "nonsense"),
            part("<x + 8>", "GET /_control/accounts HTTP/1.1\r\n"),
            format!("Content-Type: application/http\n\nPATCH {EVENTS}/{there} HTTP/1.1\nContent-Type: application/json\n\n{{\"location\": \"L\"}}"),
        ])
        .await;
    assert_eq!(status, 200, "which says nothing of the parts");
    let ids: Vec<_> = parts.iter().map(|part| part.id.as_deref().unwrap_or("-")).collect();
    assert_eq!(
        ids,
        [
            "<response-x + 1>",
            "<response-x + 2>",
            "response-item3",
            "<response-x + 4>",
            "<response-x + 5>",
            "<response-x + 6>",
            "<response-x + 7>",
            "<response-x + 8>",
            "-"
        ]
    );
    let statuses: Vec<_> = parts.iter().map(|part| part.status).collect();
    assert_eq!(statuses, [200, 404, 200, 204, 401, 200, 400, 400, 200]);
    assert_eq!(parts[0].body, json!({"summary": "There"}));
    assert_eq!(parts[1].body["error"]["errors"][0]["reason"], "notFound");
    assert_eq!(parts[2].body["summary"], "Née");
    assert!(parts[2].head.to_lowercase().contains("etag: "), "{}", parts[2].head);
    assert!(parts[3].head.lines().count() > 1, "Google's Python client reads no part without headers");
    assert_eq!(parts[5].body["items"].as_array().unwrap().len(), 1);
    let left = sim.list("").await.0;
    assert_eq!(left.len(), 2);
    assert!(left.iter().any(|event| event["location"] == "L"));
}

#[tokio::test]
async fn inner_calls_count_for_quotas_faults_and_the_log() {
    let sim = Sim::start().await;
    sim.control("settings", json!({"quota_per_user": 2, "batch_order": "reversed"})).await;
    sim.control(
        "faults",
        json!({"kind": "status", "status": 409, "reason": "conflict", "path": "*/events/struck"}),
    )
    .await;
    let get = |id: &str| part(&format!("<{id}>"), &format!("GET {EVENTS}/{id} HTTP/1.1\r\n"));
    let (_, parts, _) = sim.batch(&["one", "two", "three", "struck"].map(get)).await;
    let got: Vec<_> = parts.iter().map(|part| (part.id.as_deref().unwrap(), part.status)).collect();
    assert_eq!(
        got,
        [
            ("<response-struck>", 409),
            ("<response-three>", 404),
            ("<response-two>", 404),
            ("<response-one>", 403)
        ]
    );
    let log = sim.observe("requests").await;
    assert_eq!(log.as_array().unwrap().len(), 5, "four and the batch itself");
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_or_is_too_long_is_refused() {
    let sim = Sim::start().await;
    let get = part("<x>", &format!("GET {EVENTS} HTTP/1.1\r\n"));
    let (status, parts, _) = sim.batch(&vec![get.clone(); 50]).await;
    assert_eq!((status, parts.len()), (200, 50));
    let (status, _, body) = sim.batch(&vec![get.clone(); 51]).await;
    assert_eq!((status, &body["error"]["errors"][0]["reason"]), (400, &json!("badRequest")));
    sim.control("settings", json!({"batch_limit": 1000})).await;
    assert_eq!(sim.batch(&vec![get; 51]).await.0, 200);
    assert_eq!(sim.batch(&[]).await.0, 400);
    for kind in [
        "application/json",
        "multipart/mixed",
        "multipart/mixed; boundary=",
        "multipart/form-data; boundary=b",
    ] {
        let sent = sim
            .http
            .post(sim.url("/batch/calendar/v3"))
            .header("content-type", kind)
            .body("--b\r\n")
            .send()
            .await
            .unwrap();
        assert_eq!(sent.status(), 400, "{kind}");
    }
    let odd = sim
        .http
        .post(sim.url("/batch/calendar/v3"))
        .header("content-type", "multipart/mixed; boundary=b")
        .body(vec![0xff, 0xfe]);
    assert_eq!(odd.send().await.unwrap().status(), 400);
}
