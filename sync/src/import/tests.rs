use super::*;
use crate::event::{OriginalStart, Series};
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    "2026-01-06T09:00:00Z".parse().unwrap()
}

fn single(id: &str, days: i64) -> ObservedEvent {
    let start = now() + TimeDelta::days(days);
    ObservedEvent {
        id: id.to_owned(),
        revision: "1".to_owned(),
        shape: Shape::Single { span: Span::Timed { start, end: start + TimeDelta::hours(1) } },
        marks: Marks::default(),
        details: Details::default(),
        updated: None,
        ical_uid: None,
        marker: None,
    }
}

fn master(id: &str) -> ObservedEvent {
    let first = Span::Timed { start: now(), end: now() + TimeDelta::hours(1) };
    let series = Series { first, zone: None, lines: vec!["RRULE:FREQ=DAILY".to_owned()] };
    ObservedEvent { shape: Shape::Master { series }, ..single(id, 0) }
}

fn exception(id: &str, master: &str, days: i64, cancelled: bool) -> ObservedEvent {
    let at = now() + TimeDelta::days(days);
    let span = (!cancelled).then_some(Span::Timed { start: at, end: at + TimeDelta::hours(2) });
    let shape =
        Shape::Exception { master: master.to_owned(), original_start: OriginalStart::Instant(at), span };
    ObservedEvent { shape, ..single(id, days) }
}

fn present(event: ObservedEvent) -> Change {
    Change::Present(Box::new(event))
}

fn gone(id: &str) -> Change {
    Change::Gone { id: id.to_owned() }
}

fn pull(changes: Vec<Change>, complete: bool) -> Pull {
    Pull {
        calendar: CalendarId(Uuid::nil()),
        expected_cursor: (!complete).then(|| "old".to_owned()),
        complete,
        changes,
        whole: BTreeSet::new(),
        cursor: "new".to_owned(),
        covers: None,
        zone: None,
    }
}

fn known(events: &[ObservedEvent]) -> HashMap<String, KnownEvent> {
    events
        .iter()
        .map(|event| {
            let exception = match &event.shape {
                Shape::Exception { master, original_start, .. } => Some((master.clone(), *original_start)),
                _ => None,
            };
            let id = event.id.clone();
            let known = KnownEvent {
                id: id.clone(),
                revision: event.revision.clone(),
                exception,
                stand_in: false,
                held: false,
                over_at: over_at(&event.shape),
            };
            (id, known)
        })
        .collect()
}

fn plan(changes: Vec<Change>, complete: bool, stored: &HashMap<String, KnownEvent>) -> PullPlan {
    Draft::new(pull(changes, complete), stored, now()).brake(&HashMap::new())
}

fn ids(events: &[ObservedEvent]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

#[test]
fn an_unchanged_event_costs_no_write() {
    let stored = known(&[single("a", 1), single("b", 1)]);
    let changed = ObservedEvent { revision: "2".to_owned(), ..single("b", 2) };
    let plan = plan(vec![present(single("a", 1)), present(changed), present(single("c", 1))], false, &stored);
    assert_eq!(ids(&plan.upserts), ["b", "c"]);
    assert_eq!(plan.counts, Counts { added: 1, changed: 1, ..Counts::default() });
    assert_eq!(plan.cursor.as_deref(), Some("new"));
}

#[test]
fn the_last_word_of_a_feed_counts() {
    let stored = known(&[single("a", 1)]);
    let back = ObservedEvent { revision: "3".to_owned(), ..single("a", 3) };
    let restored = plan(vec![gone("a"), present(back)], false, &stored);
    assert_eq!((ids(&restored.upserts), restored.remove.len()), (vec!["a"], 0));
    let deleted = plan(vec![present(single("a", 1)), gone("a")], false, &stored);
    assert_eq!((deleted.upserts.len(), deleted.remove), (0, vec!["a".to_owned()]));
}

#[test]
fn an_unknown_tombstone_says_nothing() {
    let plan = plan(vec![gone("nobody")], false, &HashMap::new());
    assert!(!plan.changes_facts());
}

#[test]
fn a_deleted_series_takes_its_exceptions_along() {
    let stored = known(&[master("m"), exception("m_1", "m", 1, false), exception("m_2", "m", 2, true)]);
    let cancelled = present(exception("m_3", "m", 3, true));
    let plan = plan(vec![gone("m"), gone("m_1"), cancelled], false, &stored);
    assert_eq!(plan.remove, ["m", "m_1", "m_2"]);
    assert!(plan.upserts.is_empty(), "nothing stands in for occurrences of a series that is gone");
    assert_eq!(plan.counts, Counts { removed: 1, ..Counts::default() });
}

#[test]
fn a_bare_tombstone_of_a_moved_occurrence_cancels_it() {
    let stored = known(&[master("m"), exception("m_1", "m", 1, false)]);
    let plan = plan(vec![gone("m_1")], false, &stored);
    let Shape::Exception { master, span: None, .. } = &plan.upserts[0].shape else { panic!("{plan:?}") };
    assert_eq!(master, "m");
    assert!(plan.remove.is_empty());
}

#[test]
fn what_a_complete_listing_does_not_name_is_gone_and_what_a_delta_does_not_name_stays() {
    let stored = known(&[single("a", 1), single("b", 1), master("m"), exception("m_1", "m", 1, false)]);
    let listed = || vec![present(single("a", 1)), present(master("m"))];
    assert_eq!(plan(listed(), true, &stored).remove, ["b", "m_1"]);
    assert!(!plan(listed(), false, &stored).changes_facts());
}

#[test]
fn stand_ins_are_not_swept_unless_their_series_is() {
    let mut stored = known(&[master("m"), exception("m_1", "m", 1, false)]);
    stored.get_mut("m_1").unwrap().stand_in = true;
    assert!(!plan(vec![present(master("m"))], true, &stored).changes_facts());
    assert_eq!(plan(vec![], true, &stored).remove, ["m", "m_1"]);
}

#[test]
fn an_event_that_cannot_be_read_keeps_what_is_known_of_it() {
    let stored = known(&[single("a", 1)]);
    let unreadable =
        vec![Change::Unreadable { id: "a".to_owned() }, Change::Unreadable { id: "b".to_owned() }];
    assert!(!plan(unreadable, true, &stored).changes_facts());
}

#[test]
fn what_was_over_long_ago_is_not_stored_and_going_there_is_an_edit() {
    let moved = ObservedEvent { revision: "2".to_owned(), ..single("a", -9) };
    let plan = plan(
        vec![present(moved), present(single("b", -3)), present(single("c", -1))],
        false,
        &known(&[single("a", 1)]),
    );
    assert_eq!((plan.remove, plan.upserts.len()), (vec!["a".to_owned()], 1));
    assert_eq!(plan.counts, Counts { added: 1, changed: 1, ..Counts::default() });
}

#[test]
fn a_series_that_becomes_a_single_event_leaves_no_exceptions() {
    let stored = known(&[master("m"), exception("m_1", "m", 1, false)]);
    let now_single = ObservedEvent { revision: "2".to_owned(), ..single("m", 1) };
    let plan = plan(vec![present(now_single)], false, &stored);
    assert_eq!((ids(&plan.upserts), plan.remove), (vec!["m"], vec!["m_1".to_owned()]));
}

#[test]
fn exceptions_of_a_new_series_are_part_of_it() {
    let plan = plan(
        vec![
            present(exception("m_1", "m", 1, true)),
            present(master("m")),
            present(exception("x_1", "x", 1, false)),
        ],
        false,
        &HashMap::new(),
    );
    // Of `x` nothing else is known: it is told by its occurrences.
    assert_eq!(plan.counts, Counts { added: 2, ..Counts::default() });
}

/// A week of occurrences of a series that has no row of its own.
fn week(master: &str) -> Vec<ObservedEvent> {
    (1..=7).map(|day| exception(&format!("{master}_{day}"), master, day, false)).collect()
}

/// A pull since a cursor that tells all occurrences of a series.
fn whole(changes: Vec<Change>, master: &str) -> Pull {
    Pull { whole: BTreeSet::from([master.to_owned()]), ..pull(changes, false) }
}

#[test]
fn a_series_told_by_its_occurrences_is_one_thing() {
    let new: Vec<Change> = week("m").into_iter().map(present).collect();
    let first = Draft::new(whole(new, "m"), &HashMap::new(), now()).brake(&HashMap::new());
    assert_eq!((first.upserts.len(), first.counts), (7, Counts { added: 1, ..Counts::default() }));
    let moved: Vec<Change> = week("m")
        .into_iter()
        .map(|event| present(ObservedEvent { revision: "2".to_owned(), ..event }))
        .collect();
    let again = Draft::new(whole(moved, "m"), &known(&week("m")), now()).brake(&HashMap::new());
    assert_eq!((again.upserts.len(), again.counts), (7, Counts { changed: 1, ..Counts::default() }));
}

#[test]
fn an_occurrence_that_goes_without_a_word_goes() {
    let rest: Vec<Change> = week("m").into_iter().skip(1).map(present).collect();
    let stored = known(&week("m"));
    let plan = Draft::new(whole(rest.clone(), "m"), &stored, now()).brake(&HashMap::new());
    assert_eq!(
        (plan.remove, plan.counts),
        (vec!["m_1".to_owned()], Counts { removed: 1, ..Counts::default() })
    );
    // Unless not all of them were told.
    let plan = Draft::new(pull(rest.clone(), false), &stored, now()).brake(&HashMap::new());
    assert!(!plan.changes_facts());
    // In a full listing it is no loss of the series either, however many blocks that carries.
    let blocks = HashMap::from([("m".to_owned(), 90)]);
    let plan = Draft::new(pull(rest, true), &stored, now()).brake(&blocks);
    assert_eq!((plan.remove, plan.hold.len()), (vec!["m_1".to_owned()], 0));
}

#[test]
fn the_brake_weighs_a_series_told_by_its_occurrences_as_a_whole() {
    let stored = known(&week("m"));
    let blocks = HashMap::from([("m".to_owned(), 90)]);
    for (what, pull) in [
        ("the series is deleted", pull(vec![gone("m")], false)),
        ("each of its occurrences is", pull(week("m").iter().map(|event| gone(&event.id)).collect(), false)),
        ("it is not listed", pull(Vec::new(), true)),
        ("none of its occurrences is told", whole(Vec::new(), "m")),
    ] {
        let plan = Draft::new(pull, &stored, now()).brake(&blocks);
        assert_eq!((plan.hold.len(), plan.remove.len(), plan.cursor), (7, 0, None), "{what}");
        assert_eq!(plan.counts, Counts { held: 1, ..Counts::default() }, "{what}");
    }
    let few = HashMap::from([("m".to_owned(), 7)]);
    let plan = Draft::new(pull(vec![gone("m")], false), &stored, now()).brake(&few);
    assert_eq!((plan.hold.len(), plan.remove.len()), (0, 7));
}

#[test]
fn what_is_held_of_such_a_series_is_released_when_it_is_told_again() {
    let mut stored = known(&week("m"));
    for event in stored.values_mut() {
        event.held = true;
    }
    let rest: Vec<Change> = week("m").into_iter().skip(1).map(present).collect();
    let plan = Draft::new(whole(rest, "m"), &stored, now()).brake(&HashMap::new());
    assert_eq!((plan.upserts.len(), plan.remove, plan.hold.len()), (6, vec!["m_1".to_owned()], 0));
    assert!(plan.cursor.is_some(), "nothing is held any more");
}

#[test]
fn a_single_event_that_becomes_a_series_is_told_by_its_occurrences_from_then_on() {
    let bounded = |pull: Pull| Pull { covers: Some(now() + TimeDelta::days(105)), ..pull };
    let blocks = HashMap::from([("m".to_owned(), 90)]);
    let told: Vec<Change> = week("m").into_iter().map(present).collect();
    for held in [false, true] {
        let mut stored = known(&[single("m", 1)]);
        stored.values_mut().for_each(|event| event.held = held);
        for pull in [whole(told.clone(), "m"), pull(told.clone(), true)] {
            let plan = Draft::new(bounded(pull), &stored, now()).brake(&blocks);
            assert_eq!((plan.upserts.len(), plan.remove, plan.hold.len()), (7, vec!["m".to_owned()], 0));
            assert_eq!((plan.counts.changed, plan.counts.removed), (1, 0));
            assert!(plan.cursor.is_some());
        }
    }
    // That none of its occurrences is told may be a fault of the platform.
    let plan = Draft::new(bounded(whole(Vec::new(), "m")), &known(&[single("m", 1)]), now()).brake(&blocks);
    assert_eq!(plan.hold, ["m"]);
    // What was read of the series by its id stays for as long as its occurrences are told.
    let mut read = week("m");
    read.push(master("m"));
    let plan = Draft::new(bounded(pull(told, true)), &known(&read), now()).brake(&blocks);
    assert!(!plan.changes_facts());
}

#[test]
fn days_that_come_into_view_are_no_news() {
    let far = exception("m_far", "m", 100, false);
    let near = exception("m_1", "m", 1, false);
    let plan = Draft::new(pull(vec![present(near.clone()), present(far)], true), &known(&[near]), now())
        .brake(&HashMap::new());
    assert_eq!((plan.upserts.len(), plan.counts.is_zero()), (1, true));
    // Neither are those that go out of it.
    let past = exception("m_past", "m", -5, false);
    let near = exception("m_1", "m", 1, false);
    let plan = Draft::new(pull(vec![present(near.clone())], true), &known(&[near, past]), now())
        .brake(&HashMap::new());
    assert_eq!((plan.remove, plan.counts.is_zero()), (vec!["m_past".to_owned()], true));
}

#[test]
fn a_single_event_that_is_over_may_be_left_out_of_a_listing() {
    let plan = plan(Vec::new(), true, &known(&[single("a", -1)]));
    assert_eq!((plan.remove, plan.counts.is_zero()), (vec!["a".to_owned()], true));
}

/// `many` events that carry one block each, of which `lost` are deleted.
fn loss(many: usize, lost: usize) -> PullPlan {
    let events: Vec<ObservedEvent> = (0..many).map(|index| single(&format!("e{index:03}"), 1)).collect();
    let blocks = events.iter().map(|event| (event.id.clone(), 1)).collect();
    let changes = events[..lost].iter().map(|event| gone(&event.id)).collect();
    Draft::new(pull(changes, false), &known(&events), now()).brake(&blocks)
}

#[test]
fn the_brake_holds_more_than_half_and_more_than_twenty() {
    for (many, lost, held) in
        [(41, 21, true), (42, 21, false), (20, 20, false), (21, 21, true), (100, 50, false), (100, 51, true)]
    {
        let plan = loss(many, lost);
        assert_eq!(
            (plan.hold.len(), plan.remove.len()),
            if held { (lost, 0) } else { (0, lost) },
            "{lost} of {many}"
        );
        assert_eq!(plan.cursor.is_none(), held, "a held loss is checked by a full listing");
        assert_eq!(plan.counts.held, if held { lost } else { 0 });
    }
}

#[test]
fn one_series_can_carry_most_blocks() {
    let events = [master("m"), exception("m_1", "m", 1, false), single("a", 1)];
    let blocks = HashMap::from([("m".to_owned(), 13 * 5), ("a".to_owned(), 1)]);
    let plan = Draft::new(pull(vec![gone("m")], false), &known(&events), now()).brake(&blocks);
    assert_eq!(plan.hold, ["m", "m_1"]);
    assert_eq!(plan.counts.held, 1);
}

#[test]
fn held_events_stay_held_until_they_are_listed_again() {
    let mut stored = known(&[single("a", 1), single("b", 1)]);
    stored.values_mut().for_each(|event| event.held = true);
    let again = plan(vec![present(single("a", 1))], true, &stored);
    assert_eq!(ids(&again.upserts), ["a"], "released, although unchanged");
    assert!(again.remove.is_empty() && again.hold.is_empty());
    assert_eq!(again.cursor, None, "something is held, so the next pull lists in full again");
    let all = plan(vec![present(single("a", 1)), present(single("b", 1))], true, &stored);
    assert_eq!(all.cursor.as_deref(), Some("new"));
}

#[test]
fn a_held_exception_goes_when_its_series_is_listed_without_it() {
    let mut stored = known(&[master("m"), exception("m_1", "m", 1, true)]);
    stored.values_mut().for_each(|event| event.held = true);
    let plan = plan(vec![present(master("m"))], true, &stored);
    assert_eq!((ids(&plan.upserts), plan.remove), (vec!["m"], vec!["m_1".to_owned()]));
    assert_eq!(plan.cursor.as_deref(), Some("new"), "nothing is held any more");
}

#[test]
fn additions_and_edits_apply_while_a_loss_is_held() {
    let events: Vec<ObservedEvent> = (0..30).map(|index| single(&format!("e{index}"), 1)).collect();
    let blocks = events.iter().map(|event| (event.id.clone(), 1)).collect();
    let plan = Draft::new(pull(vec![present(single("new", 1))], true), &known(&events), now()).brake(&blocks);
    assert_eq!((plan.hold.len(), ids(&plan.upserts)), (30, vec!["new"]));
}

#[test]
fn only_recent_changes_say_how_fast_we_are() {
    let at = |minutes: i64| Some(now() - TimeDelta::minutes(minutes));
    let events = [at(2), at(4), at(60 * 24 * 30), at(-5), None];
    let changes = events
        .into_iter()
        .enumerate()
        .map(|(index, updated)| present(ObservedEvent { updated, ..single(&format!("e{index}"), 1) }))
        .collect();
    assert_eq!(plan(changes, false, &HashMap::new()).delays, (2, 6 * 60_000));
}

#[test]
fn what_is_counted_is_noted() {
    let moved = ObservedEvent { revision: "2".to_owned(), ..single("moved", 4) };
    let stored = known(&[single("moved", 3), single("lost", 5), master("yoga"), single("passed", 2)]);
    let passed = ObservedEvent { revision: "2".to_owned(), ..single("passed", -9) };
    let changes = vec![
        present(single("new", 1)),
        present(moved),
        present(passed),
        gone("lost"),
        gone("never seen"),
        present(exception("yoga_1", "yoga", 7, true)),
        present(master("fresh")),
        present(exception("fresh_1", "fresh", 7, false)),
    ];
    let plan = plan(changes, false, &stored);
    let mut noted: Vec<_> =
        plan.noted.iter().map(|noted| (noted.kind, noted.id.as_str(), noted.now.is_some())).collect();
    noted.sort_unstable();
    assert_eq!(
        noted,
        [
            (Kind::Added, "fresh", true),
            (Kind::Added, "new", true),
            (Kind::Changed, "moved", true),
            (Kind::Changed, "passed", true),
            (Kind::Changed, "yoga_1", true),
            (Kind::Removed, "lost", false),
        ]
    );
    assert_eq!(plan.counts, Counts { added: 2, changed: 3, removed: 1, held: 0 });
}

#[test]
fn of_very_many_only_some_are_noted() {
    let changes: Vec<_> = (0..500).map(|number| present(single(&format!("{number}"), 1))).collect();
    let plan = plan(changes, true, &HashMap::new());
    assert_eq!((plan.counts.added, plan.noted.len()), (500, KEPT_ENTRIES));
}
