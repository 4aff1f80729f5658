//! Query options, extended properties and open extensions (3, 7.6).

use reqwest::Method;
use serde_json::{Value, json};

use crate::graph_events_client::{
    Mail, PROPERTY, SPRING, code, escaped, event_path, lunch, subjects, text, timed, yoga,
};

fn marked(subject: &str, value: &str) -> Value {
    let mut event = timed(subject, "2027-03-22T12:00:00", "2027-03-22T13:00:00");
    event["singleValueExtendedProperties"] = json!([{"id": PROPERTY, "value": value}]);
    event
}

fn any(name: &str, value: &str) -> String {
    let id = PROPERTY.replace("OriginKey", name);
    escaped(&format!("singleValueExtendedProperties/Any(ep: ep/id eq '{id}' and ep/value eq '{value}')"))
}

fn expand() -> String {
    escaped(&format!("singleValueExtendedProperties($filter=id eq '{PROPERTY}')"))
}

#[tokio::test]
async fn extended_properties_are_seen_by_those_who_ask() {
    let mail = Mail::start().await;
    let made = mail.made(marked("Mirror", "abc")).await;
    assert!(made.get("singleValueExtendedProperties").is_none(), "not echoed");
    let path = event_path(&made["id"]);
    assert!(mail.get(&path).await.body.get("singleValueExtendedProperties").is_none());
    let one = json!([{"id": PROPERTY, "value": "abc"}]);
    let got = mail.get(&format!("{path}?$expand={}", expand())).await;
    assert_eq!(got.body["singleValueExtendedProperties"], one);
    let got = mail.get(&format!("{path}?$expand={}&$select=subject", expand())).await.body;
    assert_eq!(got["singleValueExtendedProperties"], one);
    assert!(got.get("start").is_none());
    let several = escaped(&format!(
        "singleValueExtendedProperties($filter=id eq 'String 0x3001' or id eq '{PROPERTY}')"
    ));
    assert_eq!(
        mail.get(&format!("{path}?$expand={several}")).await.body["singleValueExtendedProperties"],
        one
    );
    let view = mail.all(&format!("/me/calendarView?{SPRING}&$expand={}", expand())).await;
    assert_eq!(view[0]["singleValueExtendedProperties"], one);
    let all = mail.get(&format!("{path}?$expand=singleValueExtendedProperties")).await;
    assert_eq!(all.status, 400, "there is no \"all of them\"");

    mail.patch(&path, json!({"singleValueExtendedProperties": [{"id": PROPERTY, "value": "def"}]})).await;
    let got = mail.get(&format!("{path}?$expand={}", expand())).await;
    assert_eq!(got.body["singleValueExtendedProperties"][0]["value"], "def");
    let copy = mail.edit(json!({"do": "duplicate", "event": made["id"]})).await["event"]["id"].clone();
    let got = mail.get(&format!("{}?$expand={}", event_path(&copy), expand())).await;
    assert_eq!(got.body["singleValueExtendedProperties"][0]["value"], "def", "a copy by hand keeps them");
}

#[tokio::test]
async fn events_are_found_by_extended_properties() {
    let mail = Mail::start().await;
    let work = escaped(&mail.calendar("Travail").await);
    mail.made(marked("One", "Ab1")).await;
    mail.made(marked("Two", "x'y")).await;
    mail.made(lunch()).await;
    mail.post(&format!("/me/calendars/{work}/events"), marked("There", "Ab1")).await;
    let find = async |path: &str, filter: String| {
        let found = mail.all(&format!("{path}?$filter={filter}")).await;
        assert!(found.iter().all(|one| one.get("singleValueExtendedProperties").is_none()), "not shown");
        subjects(&found).join(" ")
    };
    assert_eq!(find("/me/events", any("OriginKey", "ab1")).await, "One There", "in the whole mailbox");
    assert_eq!(find(&format!("/me/calendars/{work}/events"), any("OriginKey", "Ab1")).await, "There");
    assert_eq!(find("/me/calendar/events", any("OriginKey", "Ab1")).await, "One");
    assert_eq!(find("/me/events", any("originkey", "Ab1")).await, "", "the name's letters count");
    assert_eq!(find("/me/events", any("OriginKey", "x''y")).await, "Two");
    let both = format!("{}%20or%20{}", any("OriginKey", "Ab1"), any("OriginKey", "x''y"));
    assert_eq!(find("/me/calendar/events", both).await, "One Two");
    let and = format!("{}%20and%20subject%20eq%20'There'", any("OriginKey", "Ab1"));
    assert_eq!(find("/me/events", and).await, "There");
    let starts = escaped(&format!(
        "singleValueExtendedProperties/any(p:p/id eq '{PROPERTY}' and startswith(p/value,'AB'))"
    ));
    assert_eq!(find("/me/calendar/events", starts).await, "One");
    let not =
        escaped(&format!("singleValueExtendedProperties/any(p:p/id eq '{PROPERTY}' and p/value ne null)"));
    assert_eq!(find("/me/calendar/events", not).await, "One Two");
    let expanded = mail
        .all(&format!("/me/calendar/events?$filter={}&$expand={}", any("OriginKey", "Ab1"), expand()))
        .await;
    assert_eq!(expanded[0]["singleValueExtendedProperties"][0]["value"], "Ab1");
}

#[tokio::test]
async fn simple_fields_filter_and_order() {
    let mail = Mail::start().await;
    for (subject, hour) in [("B", 9), ("A", 11), ("C", 10)] {
        let start = format!("2027-03-22T{hour:02}:00:00");
        let mut event = timed(subject, &start, &start);
        event["showAs"] = if subject == "C" { "free" } else { "busy" }.into();
        mail.made(event).await;
    }
    let listed = async |query: &str| subjects(&mail.all(&format!("/me/events?{query}")).await).join("");
    assert_eq!(listed("$orderby=start/dateTime").await, "BCA");
    assert_eq!(listed("$orderby=subject%20desc").await, "CBA");
    assert_eq!(listed("$filter=showAs%20eq%20'free'").await, "C");
    assert_eq!(listed("$filter=start/dateTime%20ge%20'2027-03-22T09:00:00Z'&$orderby=subject").await, "AC");
    assert_eq!(listed("$filter=subject%20ne%20'A'%20and%20(showAs%20eq%20'busy')").await, "B");
    assert_eq!(listed("$orderby=subject&$top=1&$skip=1").await, "BC", "and on from there");
    for (query, wanted) in [
        ("$filter=nothing%20eq%201", "BadRequest"),
        ("$filter=subject%20eq", "BadRequest"),
        ("$select=nothing", "BadRequest"),
        ("$expand=nothing", "BadRequest"),
        ("$orderby=nothing", "BadRequest"),
        ("$top=0", "BadRequest"),
        ("$top=many", "BadRequest"),
        ("$top=1001", "ErrorInvalidRequest"),
    ] {
        assert_eq!(code(&mail.get(&format!("/me/events?{query}")).await), (400, wanted), "{query}");
    }
}

#[tokio::test]
async fn pages_hold_ten_and_links_stay_on_the_host() {
    let mail = Mail::start().await;
    for _ in 0..3 {
        mail.made(yoga()).await;
    }
    let pages = mail.pages(&format!("/me/calendarView?{SPRING}")).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10, 9]);
    let mut ids: Vec<_> = pages.concat().iter().map(|one| text(&one["id"])).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 39, "each once");
    let request = mail.request(Method::GET, &format!("/me/calendarView?{SPRING}&$top=5&$select=id"));
    let reply = request.header("host", "localhost:4010").send().await;
    let link = text(&reply.body["@odata.nextLink"]);
    assert!(link.starts_with("http://localhost:4010/v1.0/me/calendarView?"), "{link}");
    let mail = mail.preferring("odata.maxpagesize=7");
    assert_eq!(
        mail.get(&format!("/me/calendarView?{SPRING}")).await.body["value"].as_array().unwrap().len(),
        7
    );
}

#[tokio::test]
async fn open_extensions_are_kept_beside_the_event() {
    let mail = Mail::start().await;
    let made = mail.made(lunch()).await;
    let path = event_path(&made["id"]);
    let body = json!({"@odata.type": "microsoft.graph.openTypeExtension", "extensionName": "com.example.sync", "origin": 7});
    let added = mail.post(&format!("{path}/extensions"), body).await;
    assert_eq!(added.status, 201);
    let id = "Microsoft.OutlookServices.OpenTypeExtension.com.example.sync";
    assert_eq!((&added.body["id"], &added.body["origin"]), (&json!(id), &json!(7)));
    assert!(mail.get(&path).await.body.get("extensions").is_none());
    let expand = escaped("extensions($filter=id eq 'com.example.sync')");
    let got = mail.get(&format!("{path}?$expand={expand}")).await;
    assert_eq!(got.body["extensions"][0]["origin"], 7);
    let one = format!("{path}/extensions/com.example.sync");
    assert_eq!(mail.patch(&one, json!({"origin": 8})).await.body["origin"], 8);
    assert_eq!(mail.get(&one).await.body["origin"], 8);
    assert_eq!(mail.delete(&one).await.status, 204);
    assert_eq!(mail.get(&one).await.status, 404);
}

#[tokio::test]
async fn free_and_busy_times_are_told_by_digits() {
    let mail = Mail::start().await;
    mail.made(timed("Busy", "2027-03-22T09:00:00", "2027-03-22T10:00:00")).await;
    let mut away = timed("Away", "2027-03-22T10:00:00", "2027-03-22T10:30:00");
    away["showAs"] = "oof".into();
    mail.made(away).await;
    let ask = async |until: &str| {
        let body = json!({
            "schedules": ["eva@contoso.test", "nobody@contoso.test"],
            "startTime": {"dateTime": "2027-03-22T07:30:00", "timeZone": "UTC"},
            "endTime": {"dateTime": until, "timeZone": "UTC"},
            "availabilityViewInterval": 30,
        });
        mail.post("/me/calendar/getSchedule", body).await
    };
    let told = ask("2027-03-22T10:00:00").await.body;
    assert_eq!(told["value"][0]["availabilityView"], "02230");
    assert_eq!(told["value"][0]["scheduleItems"].as_array().unwrap().len(), 2);
    assert_eq!(told["value"][1]["error"]["responseCode"], "5016");
    assert_eq!(code(&ask("2027-05-30T00:00:00").await), (400, "ErrorTimeIntervalTooBig"));
}
