//! Reading: the list of calendars, their change feeds, and the occurrences of rules that we cannot read.

use super::stop::{Stop, unavailable};
use super::{Engine, MOST_PAGES, PROGRESS_INTERVAL, Round};
use crate::event::{Change, ObservedEvent};
use crate::import::{Draft, Pull};
use crate::platform::{PageEnd, PlatformError, Position, RemoteCalendar};
use crate::ports::{PullTarget, StoreResult, UnreadableSeries};
use crate::schedule::{self, CURSOR_INTERVAL, STAND_INS_INTERVAL};
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::{Interval, horizon::HORIZON_DAYS};
use std::collections::{BTreeSet, HashMap};

/// All pages of a change feed.
struct Feed {
    changes: Vec<Change>,
    whole: BTreeSet<String>,
    cursor: String,
    zone: Option<String>,
    covers: Option<DateTime<Utc>>,
}

impl Engine {
    pub(super) async fn list_calendars(&self, round: &mut Round<'_>) -> Result<Vec<RemoteCalendar>, Stop> {
        let platform = round.platform;
        let mut calendars = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut answer = self
                .ask(round, |token| {
                    let page = page.clone();
                    Box::pin(async move { platform.calendars(&token, page.as_deref()).await })
                })
                .await?;
            calendars.append(&mut answer.calendars);
            match answer.next_page {
                Some(next) => page = Some(next),
                None => return Ok(calendars),
            }
        }
        Err(Stop::Platform(unavailable("the listing does not end")))
    }

    /// Brings one calendar's observations up to date.
    pub(super) async fn pull_calendar(&self, round: &mut Round<'_>, target: &PullTarget) -> Result<(), Stop> {
        let mut stored_cursor = target.cursor.clone();
        // A loss that was held back leaves no cursor: the calendar is then listed in full, at once, to check it.
        for _ in 0..2 {
            let mut pull = self.pull(round, target, stored_cursor).await?;
            let named: Option<Vec<String>> = (!pull.complete).then(|| pull.names());
            let known = match named.as_deref() {
                Some([]) => HashMap::new(),
                named => self.store.known_events(target.calendar, named).await?,
            };
            let now = self.clock.now();
            // An answer that had to be looked through is not to be given again.
            let looked_through = !(pull.changes.is_empty() && pull.whole.is_empty());
            if !target.selected {
                // It only receives bookings: of what else is in it nothing is kept.
                pull.changes.retain(|change| {
                    known.contains_key(change.id())
                        || matches!(change, Change::Present(event) if event.marker.is_some())
                });
            }
            // A listing in full is a window opened anew, or a cursor in place of one that had expired.
            let listed = pull.complete;
            let draft = Draft::new(pull, &known, now);
            let blocks = if draft.loses() {
                // The brake weighs blocks: they have to be those of what is stored.
                self.derive(round.lease.provider).await?;
                self.store.block_counts(target.calendar, now).await?
            } else {
                HashMap::new()
            };
            let plan = draft.brake(&blocks);
            if let Some(settled_at) = target.settled_at
                && !plan.changes_facts()
                && plan.cursor.is_some() == plan.expected_cursor.is_some()
            {
                // The platform had nothing to say: there is at most a cursor to move on.
                if looked_through || listed || settled_at + CURSOR_INTERVAL <= now {
                    round.advances.extend(plan.advance());
                }
                return Ok(());
            }
            self.hold(round).await?;
            if !self.store.apply_pull(&round.lease, &plan, now).await? {
                // Unselected, or selected anew, while we read: the next round begins from what stands now.
                return Ok(());
            }
            round.facts_changed |= plan.changes_facts();
            round.counts += plan.counts;
            round.delays.0 += plan.delays.0;
            round.delays.1 += plan.delays.1;
            if plan.hold.is_empty() {
                return Ok(());
            }
            tracing::warn!(
                connection = %round.lease.connection,
                calendar = %target.calendar,
                events = plan.counts.held,
                "an abnormal loss of events is held back"
            );
            stored_cursor = None;
        }
        Ok(())
    }

    /// Fetches all pages since a cursor; all there is, when the cursor has expired.
    async fn pull(
        &self,
        round: &mut Round<'_>,
        target: &PullTarget,
        stored_cursor: Option<String>,
    ) -> Result<Pull, Stop> {
        let mut from = stored_cursor.as_deref();
        let window = schedule::pull_window(self.clock.now());
        let feed = match self.feed(round, &target.external_id, from, window).await {
            Err(Stop::Platform(PlatformError::CursorExpired)) if from.is_some() => {
                from = None;
                self.feed(round, &target.external_id, None, window).await?
            }
            other => other?,
        };
        let complete = from.is_none();
        Ok(Pull {
            calendar: target.calendar,
            expected_cursor: stored_cursor,
            complete,
            changes: feed.changes,
            whole: feed.whole,
            cursor: feed.cursor,
            covers: feed.covers,
            zone: feed.zone.filter(|zone| target.zone.as_ref() != Some(zone)),
        })
    }

    async fn feed(
        &self,
        round: &mut Round<'_>,
        calendar: &str,
        cursor: Option<&str>,
        window: Interval,
    ) -> Result<Feed, Stop> {
        let platform = round.platform;
        let mut changes = Vec::new();
        let mut whole = BTreeSet::new();
        let mut zone = None;
        let mut covers = None;
        let mut page: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut answer = self
                .ask(round, |token| {
                    let (calendar, cursor, page) =
                        (calendar.to_owned(), cursor.map(str::to_owned), page.clone());
                    Box::pin(async move {
                        let position = Position { cursor: cursor.as_deref(), page: page.as_deref(), window };
                        platform.changes(&token, &calendar, position).await
                    })
                })
                .await?;
            self.count_page(round, answer.changes.len(), matches!(answer.end, PageEnd::More(_))).await?;
            changes.append(&mut answer.changes);
            whole.extend(answer.whole);
            zone = answer.zone.or(zone);
            covers = answer.covers.or(covers);
            match answer.end {
                PageEnd::More(next) => page = Some(next),
                PageEnd::Cursor(cursor) => return Ok(Feed { changes, whole, cursor, zone, covers }),
                PageEnd::Cut => return Err(Stop::Platform(unavailable("the listing ends without a cursor"))),
            }
        }
        Err(Stop::Platform(unavailable("the listing does not end")))
    }

    /// Counts a page that was read. It is noted only when another follows, and not more often than people look: a round
    /// in which each calendar answers with one page writes nothing of it.
    async fn count_page(&self, round: &mut Round<'_>, events: usize, more: bool) -> StoreResult<()> {
        round.progress.pages += 1;
        round.progress.events += i64::try_from(events).unwrap_or(i64::MAX);
        let now = self.clock.now();
        if !more || now - round.noted_at < PROGRESS_INTERVAL {
            return Ok(());
        }
        round.noted_at = now;
        self.store.note_progress(&round.lease, round.progress).await
    }

    /// Asks the platform to expand the series whose rules cannot be read here.
    pub(super) async fn expand_unreadable(&self, round: &mut Round<'_>) -> Result<(), Stop> {
        let now = self.clock.now();
        let series = self.store.unreadable_series(&round.lease, now - STAND_INS_INTERVAL).await?;
        for series in &series {
            let instances = match self.instances(round, series, now).await {
                Ok(instances) => Some(instances),
                Err(stop) if stop.of_one_calendar().is_some() => None,
                Err(stop) => return Err(stop),
            };
            self.hold(round).await?;
            self.store.apply_stand_ins(&round.lease, series, instances.as_deref(), now).await?;
        }
        if series.is_empty() { Ok(()) } else { Ok(self.derive(round.lease.provider).await?) }
    }

    async fn instances(
        &self,
        round: &mut Round<'_>,
        series: &UnreadableSeries,
        now: DateTime<Utc>,
    ) -> Result<Vec<ObservedEvent>, Stop> {
        let platform = round.platform;
        // A day more on either side, for zones; a day more ahead, since it is asked again each day.
        let window = Interval::new(
            now - TimeDelta::days(2),
            now + TimeDelta::days(i64::try_from(HORIZON_DAYS).unwrap_or(90) + 3),
        );
        let mut events = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let answer = self
                .ask(round, |token| {
                    let (page, series) = (page.clone(), series.clone());
                    Box::pin(async move {
                        platform
                            .instances(
                                &token,
                                &series.calendar_external_id,
                                &series.master,
                                window,
                                page.as_deref(),
                            )
                            .await
                    })
                })
                .await?;
            for change in answer.changes {
                match change {
                    Change::Present(event) => events.push(*event),
                    Change::Gone { .. } => {}
                    // Incomplete: what is known is not to be replaced by it.
                    Change::Unreadable { .. } => {
                        return Err(Stop::Platform(unavailable("an occurrence cannot be read")));
                    }
                }
            }
            match answer.end {
                PageEnd::More(next) => page = Some(next),
                // A list of occurrences ends without a cursor to go on from.
                PageEnd::Cursor(_) => return Ok(events),
                PageEnd::Cut => return Err(Stop::Platform(unavailable("the listing ends too early"))),
            }
        }
        Err(Stop::Platform(unavailable("the listing does not end")))
    }
}
