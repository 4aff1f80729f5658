//! "This and following": a series is cut in two (5.5).

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::errors::ApiError;
use super::model::{Event, Exception, new_id};
use super::recurrence::{Span, has_slot, slots};
use super::switches::SplitId;
use super::times::{When, localize};
use super::view::end_of;
use super::write::{Editor, How, as_sent, merge};

impl Editor<'_> {
    /// What a person does with "this and following" (5.5). The slot at which the new series begins; what is
    /// said of the new one is merged into the old one's. Returns the new master's id.
    pub fn split(&mut self, id: &str, at: &When, changes: &Map<String, Value>) -> Result<String, ApiError> {
        let calendar = self.calendar()?;
        let old = calendar.events.get(id).cloned().ok_or_else(ApiError::not_found)?;
        if !old.is_master() || old.cancelled || !has_slot(&old, calendar, at) {
            return Err(ApiError::invalid("Not a slot of a series."));
        }
        let tz = old.tz(calendar);
        let day_tz = calendar.tz();
        let before = slots(&old, calendar, Span { to: Some(at.instant(day_tz)), ..Span::default() })
            .map_err(|_| ApiError::invalid("Invalid recurrence rule."))?
            .len();
        if before == 0 {
            self.update(id, &Value::Object(changes.clone()), How::Patch)?;
            return Ok(id.to_owned());
        }
        let (cut, rest) = split_recurrence(&old.recurrence, at, tz, before);
        let base = id.split_once("_R").map_or(id, |(base, _)| base);
        let new_id_of = |start: &When| format!("{base}_R{}", start.suffix().trim_end_matches('Z'));

        let mut said = as_sent(&old);
        said.insert("start".to_owned(), Value::Object(at.as_sent()));
        said.insert("end".to_owned(), Value::Object(end_of(&old, at).as_sent()));
        said.insert("recurrence".to_owned(), rest.into());
        merge(&mut said, changes);
        let draft = self.read(&said, calendar, &Map::new())?;
        let id_wanted = new_id_of(&draft.start);
        // After repeated edits the id can be taken: then it is an unrelated one (5.5).
        let unrelated = self.google.settings.split_id == SplitId::Unrelated;
        let split_id =
            if unrelated || calendar.events.contains_key(&id_wanted) { new_id(self.rng) } else { id_wanted };

        // The old series first: what is exceptional after the split goes with the new one.
        let later: Vec<Event> = self
            .calendar()?
            .exceptions(id)
            .filter(|event| {
                event
                    .exception
                    .as_ref()
                    .is_some_and(|exception| exception.original.instant(day_tz) >= at.instant(day_tz))
            })
            .cloned()
            .collect();
        let mut cut_draft = as_sent(&old);
        cut_draft.insert("recurrence".to_owned(), cut.into());
        let cut_draft = self.read(&cut_draft, self.calendar()?, &old.content)?;
        self.store(old.clone(), cut_draft)?;

        let stamp = self.google.stamp(self.now);
        let mut new = Event {
            id: split_id.clone(),
            ical_uid: format!("{split_id}@google.com"),
            created: stamp,
            updated: stamp,
            start: draft.start,
            end: draft.end,
            recurrence: draft.recurrence,
            content: draft.content,
            ..old
        };
        new.dropped.clear();
        let calendar = self.calendar_mut()?;
        let mut touched = vec![split_id.clone()];
        for event in later {
            let Some(exception) = event.exception.clone() else { continue };
            if !has_slot(&new, calendar, &exception.original) {
                continue;
            }
            let id = format!("{split_id}_{}", exception.original.suffix());
            touched.push(id.clone());
            let exception = Exception { master: split_id.clone(), ..exception };
            let copy =
                Event { id: id.clone(), ical_uid: new.ical_uid.clone(), exception: Some(exception), ..event };
            calendar.events.insert(id, copy);
        }
        calendar.events.insert(split_id.clone(), new);
        calendar.touch(stamp, &touched);
        Ok(split_id)
    }
}

/// The recurrence before and from a slot. `before`: how many instances lie before it.
fn split_recurrence(lines: &[String], at: &When, tz: Tz, before: usize) -> (Vec<String>, Vec<String>) {
    // The last second of the day before, local, in UTC; of all-day series, that day (5.5).
    let until = match at {
        When::Day(day) => day.pred_opt().unwrap_or(*day).format("%Y%m%d").to_string(),
        When::Time { .. } => {
            let midnight = localize(at.wall(tz).date().and_time(chrono::NaiveTime::MIN), tz);
            (midnight - TimeDelta::seconds(1)).format("%Y%m%dT%H%M%SZ").to_string()
        }
    };
    let mut cut = Vec::new();
    let mut rest = Vec::new();
    for line in lines {
        let Some((head, value)) = line.split_once(':') else { continue };
        if !head.to_ascii_uppercase().starts_with("RRULE") {
            // Dates on the other side of the split name no slot there.
            cut.push(line.clone());
            rest.push(line.clone());
            continue;
        }
        let parts: Vec<_> = value.split(';').filter(|part| !part.is_empty()).collect();
        let named = |part: &str, name: &str| part.to_ascii_uppercase().starts_with(name);
        let mut first: Vec<_> = parts
            .iter()
            .filter(|part| !named(part, "COUNT=") && !named(part, "UNTIL="))
            .map(|part| (*part).to_owned())
            .collect();
        first.push(format!("UNTIL={until}"));
        cut.push(format!("{head}:{}", first.join(";")));
        let second: Vec<_> = parts
            .iter()
            .map(|part| match part.split_once('=').filter(|_| named(part, "COUNT=")) {
                Some((name, count)) => {
                    let left = count.parse::<usize>().unwrap_or(1).saturating_sub(before).max(1);
                    format!("{name}={left}")
                }
                None => (*part).to_owned(),
            })
            .collect();
        rest.push(format!("{head}:{}", second.join(";")));
    }
    (cut, rest)
}
