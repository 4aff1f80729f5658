//! Events and calendars as Graph shows them (4, 5): what is not set is there as `null`.

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::bodies;
use super::ids::IdKind;
use super::items::Item;
use super::model::{Calendar, Group, Mailbox, Mailboxes, Person, Shared};
use super::odata::Expand;
use super::prefer::Prefer;
use super::switches::Switches;
use super::times::{Shown, show_slot, show_stamp};
use crate::microsoft::errors::GraphResult;

/// The names that `$select` takes.
pub(super) const EVENT: &[&str] = &[
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "transactionId",
    "originalStartTimeZone",
    "originalEndTimeZone",
    "originalStart",
    "iCalUId",
    "reminderMinutesBeforeStart",
    "isReminderOn",
    "hasAttachments",
    "subject",
    "bodyPreview",
    "importance",
    "sensitivity",
    "isAllDay",
    "isCancelled",
    "isDraft",
    "isOrganizer",
    "responseRequested",
    "seriesMasterId",
    "showAs",
    "type",
    "webLink",
    "onlineMeetingUrl",
    "isOnlineMeeting",
    "onlineMeetingProvider",
    "onlineMeeting",
    "allowNewTimeProposals",
    "hideAttendees",
    "recurrence",
    "responseStatus",
    "body",
    "start",
    "end",
    "location",
    "locations",
    "attendees",
    "organizer",
    "cancelledOccurrences",
];

pub(super) const CALENDAR: &[&str] = &[
    "id",
    "name",
    "color",
    "hexColor",
    "changeKey",
    "isDefaultCalendar",
    "canShare",
    "canViewPrivateItems",
    "canEdit",
    "isRemovable",
    "isTallyingResponses",
    "allowedOnlineMeetingProviders",
    "defaultOnlineMeetingProvider",
    "owner",
];

/// No answer was given, or none was needed.
pub(super) const NEVER: &str = "0001-01-01T00:00:00Z";

/// How someone sees the events of a calendar.
pub(crate) struct View<'a> {
    pub mailbox: &'a Mailbox,
    pub switches: &'a Switches,
    pub ids: IdKind,
    pub zone: Shown,
    pub text: bool,
    /// Without bodies and guests: `Calendars.ReadBasic`.
    pub basic: bool,
    /// A delegate who may not see private items.
    pub hides_private: bool,
}

impl<'a> View<'a> {
    pub fn new(mailboxes: &'a Mailboxes, owner: &str, prefer: &Prefer) -> GraphResult<Self> {
        Ok(View {
            mailbox: mailboxes.of(owner)?,
            switches: &mailboxes.switches,
            ids: prefer.ids(),
            zone: prefer.shown(),
            text: prefer.text.unwrap_or(false),
            basic: false,
            hides_private: false,
        })
    }

    pub fn full(&self, item: &Item<'_>) -> Map<String, Value> {
        let event = item.event;
        let (start, end, all_day) = (item.start(), item.end(), item.all_day());
        let field = |name: &str| item.field(name).clone();
        let private =
            self.hides_private && matches!(field("sensitivity").as_str(), Some("private" | "confidential"));
        let body =
            if private || self.basic { json!({"contentType": "html", "content": ""}) } else { field("body") };
        let id = item.id(self.ids);
        let series = item.day.map(|_| event.ids.get(self.ids));
        let online = item.field("isOnlineMeeting") == &Value::Bool(true);
        let recurrence = match (&event.recurrence, item.day) {
            (Some(recurrence), None) => recurrence.show(&event.start.zone),
            _ => Value::Null,
        };
        let uid = match item.day {
            Some(day) if self.switches.uid_per_occurrence => format!("{}{}", event.uid, day.format("%Y%m%d")),
            _ => event.uid.clone(),
        };
        let response = item.response();
        let web = url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
        let mut shown = json!({
            "@odata.etag": self.mailbox.etag(item.version()),
            "id": id,
            "createdDateTime": show_stamp(event.created),
            "lastModifiedDateTime": show_stamp(item.modified()),
            "changeKey": self.mailbox.change_key(item.version()),
            "categories": field("categories"),
            "transactionId": event.transaction,
            "originalStartTimeZone": start.zone,
            "originalEndTimeZone": end.zone,
            "iCalUId": uid,
            "reminderMinutesBeforeStart": field("reminderMinutesBeforeStart"),
            "isReminderOn": field("isReminderOn"),
            "hasAttachments": false,
            "subject": field("subject"),
            "bodyPreview": bodies::preview(&body),
            "importance": field("importance"),
            "sensitivity": field("sensitivity"),
            "isAllDay": all_day,
            "isCancelled": item.is_cancelled(),
            "isDraft": false,
            "isOrganizer": event.own,
            "responseRequested": field("responseRequested"),
            "seriesMasterId": series,
            "showAs": field("showAs"),
            "type": item.kind(),
            "webLink": format!("https://outlook.office365.com/owa/?itemid={web}&exvsurl=1&path=/calendar/item"),
            "onlineMeetingUrl": null,
            "isOnlineMeeting": online,
            "onlineMeetingProvider": field("onlineMeetingProvider"),
            "allowNewTimeProposals": field("allowNewTimeProposals"),
            "hideAttendees": field("hideAttendees"),
            "recurrence": recurrence,
            "responseStatus": {
                "response": response.response,
                "time": response.time.map_or_else(|| NEVER.to_owned(), show_stamp),
            },
            "body": bodies::show(&body, self.text),
            "start": self.zone.show(&start, all_day),
            "end": self.zone.show(&end, all_day),
            "location": field("location"),
            "locations": field("locations"),
            "attendees": field("attendees"),
            "organizer": recipient(&event.organizer),
            "onlineMeeting": if online { meeting(&event.uid) } else { Value::Null },
        });
        if let Some(original) = item.original_start() {
            shown["originalStart"] = show_slot(original).into();
        }
        if private {
            (shown["subject"], shown["categories"]) = (Value::Null, json!([]));
        }
        if private || self.basic {
            (shown["location"], shown["locations"]) = (no_location(), json!([]));
            (shown["attendees"], shown["onlineMeeting"]) = (json!([]), Value::Null);
        }
        match shown {
            Value::Object(shown) => shown,
            _ => Map::new(),
        }
    }

    /// As delta shows occurrences (6.2).
    pub fn sparse(&self, item: &Item<'_>) -> Map<String, Value> {
        let full = self.full(item);
        let kept = ["@odata.etag", "seriesMasterId", "type", "id", "start", "end"];
        let mut sparse = Map::new();
        sparse.insert("@odata.type".to_owned(), "#microsoft.graph.event".into());
        sparse.extend(full.into_iter().filter(|(name, _)| kept.contains(&name.as_str())));
        sparse
    }

    /// With what `$expand` asks for.
    pub fn expanded(&self, item: &Item<'_>, expand: &[Expand]) -> GraphResult<Map<String, Value>> {
        let mut shown = self.full(item);
        for one in expand {
            super::expand::apply(self, item, one, &mut shown)?;
        }
        Ok(shown)
    }
}

pub(super) fn recipient(person: &Person) -> Value {
    json!({"emailAddress": {"name": person.name, "address": person.address}})
}

pub(super) fn no_location() -> Value {
    json!({"displayName": "", "locationType": "default", "uniqueIdType": "unknown", "address": {}, "coordinates": {}})
}

fn meeting(uid: &str) -> Value {
    json!({"joinUrl": format!("https://teams.microsoft.com/l/meetup-join/{uid}/0")})
}

impl Mailbox {
    /// One's own calendar (4).
    pub fn show_calendar(&self, calendar: &Calendar) -> Map<String, Value> {
        let is_default = self.calendars.first().is_some_and(|first| first.id == calendar.id);
        let providers = if self.personal { json!([]) } else { json!(["teamsForBusiness"]) };
        let shown = json!({
            "id": calendar.id,
            "name": calendar.name,
            "color": calendar.color,
            "hexColor": calendar.hex,
            "changeKey": self.change_key(calendar.version),
            "isDefaultCalendar": is_default,
            "canShare": calendar.can_edit,
            "canViewPrivateItems": true,
            "canEdit": calendar.can_edit,
            "isRemovable": calendar.removable,
            "isTallyingResponses": is_default,
            "allowedOnlineMeetingProviders": providers,
            "defaultOnlineMeetingProvider": if self.personal { "unknown" } else { "teamsForBusiness" },
            "owner": {"name": self.name, "address": self.email},
        });
        object(shown)
    }

    /// Someone else's; `owner` is whose it is.
    pub fn show_shared(&self, shared: &Shared, owner: &Mailbox) -> Map<String, Value> {
        let shown = json!({
            "id": shared.id,
            "name": shared.name,
            "color": shared.color,
            "hexColor": "",
            "changeKey": self.change_key(shared.version),
            "isDefaultCalendar": false,
            "canShare": false,
            "canViewPrivateItems": shared.can_view_private,
            "canEdit": shared.can_edit,
            "isRemovable": true,
            "isTallyingResponses": false,
            "allowedOnlineMeetingProviders": [],
            "defaultOnlineMeetingProvider": "unknown",
            "owner": {"name": owner.name, "address": owner.email},
        });
        object(shown)
    }

    pub fn show_group(&self, group: &Group) -> Map<String, Value> {
        let key = self.change_key(group.version);
        object(json!({"id": group.id, "name": group.name, "classId": group.class, "changeKey": key}))
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The instant that some field shows, for order.
pub(super) fn sortable(value: &Value) -> String {
    match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text).map_or_else(
            |_| text.to_lowercase(),
            |at| at.naive_utc().format("%Y-%m-%dT%H:%M:%S%.9f").to_string(),
        ),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
