//! Events by themselves: list, create, read, update, delete (6.1, 7).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::access::Reach;
use super::ask::{Answer, Ask, Scope, read_body};
use super::ids::IdKind;
use super::items::{Item, Target};
use super::listing::{self, select_from};
use super::show::{EVENT, View};
use super::write::Editor;
use crate::microsoft::errors::GraphResult;
use crate::microsoft::guard::Caller;
use crate::simulator::{Simulator, World};

/// How the caller sees a calendar's events.
pub(super) fn view<'a>(world: &'a World, ask: &Ask, reach: &Reach, basic: bool) -> GraphResult<View<'a>> {
    let mut view = View::new(&world.microsoft.mailboxes, &reach.owner, &ask.prefer)?;
    view.basic = basic;
    view.hides_private = reach.shared && !reach.can_view_private;
    Ok(view)
}

/// What an answer's context says.
pub(super) fn context(caller: &Caller, ask: &Ask, reach: &Reach, of: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match ask.scope {
        Scope::Mailbox => format!("users('{}')/{of}", encode(&caller.account)),
        Scope::Default => format!("users('{}')/calendar/{of}", encode(&caller.account)),
        Scope::Named => {
            format!("users('{}')/calendars('{}')/{of}", encode(&caller.account), encode(&reach.listed))
        }
    }
}

/// Single events and masters of series.
pub(super) async fn list(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, basic) = ask.may_read(&world)?;
    let reach = ask.calendar(&world, &caller)?;
    let view = view(&world, &ask, &reach, basic)?;
    // A filter on extended properties looks at all calendars of the mailbox, unless the address names one (7.6).
    let asks = ask.query.filter()?.is_some_and(|filter| filter.asks_for_properties());
    let calendars = &world.microsoft.mailboxes.of(&reach.owner)?.calendars;
    let everywhere = asks && ask.scope == Scope::Mailbox;
    let items = calendars
        .iter()
        .filter(|calendar| everywhere || calendar.id == reach.calendar)
        .flat_map(|calendar| calendar.events.values().map(Item::of))
        .collect();
    listing::answer(&ask, &view, items, &context(&caller, &ask, &reach, "events"))
}

pub(super) async fn create(State(simulator): State<Arc<Simulator>>, ask: Ask, body: Bytes) -> Answer {
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let reach = ask.calendar(&world, &caller)?;
    ask.writable(&world, &reach)?;
    let body = read_body(&body)?;
    let target = Editor::new(&mut world, reach.clone()).create(&body)?;
    one(&world, &ask, &caller, &reach, target, StatusCode::CREATED)
}

pub(super) async fn get(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, basic) = ask.may_read(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    let view = view(&world, &ask, &reach, basic)?;
    let select = ask.query.select(EVENT, "event")?;
    let expand = ask.query.expand()?;
    let item = world.microsoft.mailboxes.item(&reach, target)?;
    let mut body = view.expanded(&item, &expand)?;
    // Shown on a master that is asked for by its id only (5.2).
    if select.names("cancelledOccurrences") {
        let days = item.event.cancelled.iter().filter(|_| target.day.is_none());
        let ids = days.map(|day| format!("OID.{}.{day}", item.event.ids.get(view.ids)));
        body.insert("cancelledOccurrences".to_owned(), ids.collect::<Vec<_>>().into());
    }
    let body = select_from(body, &select, &expand);
    Ok(ask.reply(StatusCode::OK, entity(&ask, &context(&caller, &ask, &reach, "events/$entity"), body)))
}

pub(super) async fn update(State(simulator): State<Arc<Simulator>>, ask: Ask, body: Bytes) -> Answer {
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    ask.writable(&world, &reach)?;
    let body = read_body(&body)?;
    let mut editor = Editor::new(&mut world, reach.clone());
    editor.if_match = ask.if_match();
    editor.update(target, &body)?;
    one(&world, &ask, &caller, &reach, target, StatusCode::OK)
}

pub(super) async fn delete(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    ask.writable(&world, &reach)?;
    let mut editor = Editor::new(&mut world, reach);
    editor.if_match = ask.if_match();
    editor.delete(target)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// One event that was just written: extended properties are not echoed (7.1).
pub(super) fn one(
    world: &World,
    ask: &Ask,
    caller: &Caller,
    reach: &Reach,
    target: Target,
    status: StatusCode,
) -> GraphResult<Response> {
    let view = view(world, ask, reach, false)?;
    let item = world.microsoft.mailboxes.item(reach, target)?;
    let body = entity(ask, &context(caller, ask, reach, "events/$entity"), view.full(&item));
    let location = format!("{}/{}", ask.base(), item.id(IdKind::Usual));
    let mut response = ask.reply(status, body);
    if status == StatusCode::CREATED
        && let Ok(location) = location.parse()
    {
        response.headers_mut().insert(axum::http::header::LOCATION, location);
    }
    Ok(response)
}

pub(super) fn entity(ask: &Ask, context: &str, body: Map<String, Value>) -> Value {
    let mut whole = Map::new();
    whole.insert("@odata.context".to_owned(), ask.context(context).into());
    whole.extend(body);
    whole.into()
}
