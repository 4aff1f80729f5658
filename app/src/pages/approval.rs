//! What to do when an organisation lets nobody but an administrator agree: what happened, what it means, and a message
//! that the provider can send.

use crate::components::connect_button;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::face;
use crate::texts::text;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_sync::platform::Platform;

/// Where it stands.
pub fn address(platform: Platform) -> String {
    format!("/settings/approval/{platform}")
}

#[component]
pub fn ApprovalPage() -> impl IntoView {
    let platform = use_params_map().with_untracked(|params| params.get("platform"));
    page(Tab::Calendars, async move |here| load(&here, platform.as_deref())).into_any()
}

fn load(here: &Here, platform: Option<&str>) -> Result<Screen, PageError> {
    let platform: Platform = platform.and_then(|code| code.parse().ok()).ok_or(PageError::NotFound)?;
    if !here.state.platforms.contains(&platform) {
        return Err(PageError::NotFound);
    }
    let lang = here.lang;
    let face = face(platform);
    let title = text!(lang, approval.title);
    let subject = text!(lang, approval.subject, platform = face.name);
    let message = message(here, platform);
    let write_to = format!("mailto:?subject={}&body={}", encoded(&subject), encoded(&message));
    let lines = message.lines().count() + 6;
    let part = |title: String, words: String| view! { <h2>{title}</h2><p>{words}</p> };
    let body = view! {
        <div>
            <a class="crumb" href="/settings/calendars">"‹ "{text!(lang, connection.back)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, approval.lead, platform = face.name)}</p>
        </div>
        <section class="card">
            <div class="body">
                {part(text!(lang, approval.happened_title), text!(lang, approval.happened))}
                {part(text!(lang, approval.means_title), text!(lang, approval.means))}
                <h2>{text!(lang, approval.todo_title)}</h2>
                <ol class="what">
                    <li>{text!(lang, approval.todo_send)}</li>
                    <li>{text!(lang, approval.todo_again, platform = face.name)}</li>
                </ol>
                <div class="field">
                    <label for="message">{text!(lang, approval.message_label)}</label>
                    <textarea id="message" rows=lines.to_string() readonly>{message}</textarea>
                </div>
                <div class="actions">
                    <a class="btn main" href=write_to>{text!(lang, approval.send)}</a>
                </div>
            </div>
            <footer>
                <p class="grow">{text!(lang, approval.todo_other)}</p>
                <div class="actions">
                    {connect_button(platform, text!(lang, calendars.connect, platform = face.name), None)}
                </div>
            </footer>
        </section>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// What the provider may send as it stands.
fn message(here: &Here, platform: Platform) -> String {
    let lang = here.lang;
    let face = face(platform);
    let address = here.state.public_url.as_str().trim_end_matches('/').to_owned();
    let asks = (face.asks)(lang);
    let mut parts =
        vec![text!(lang, approval.message, platform = face.name, address = address.as_str(), asks = asks)];
    if let Some(link) = here.state.connect.approval_page(platform) {
        parts.push(text!(lang, approval.message_link, link = link.as_str()));
    }
    parts.push(text!(lang, approval.message_end));
    parts.push(here.provider.name.clone());
    parts.join("\n\n")
}

/// For an address of `mailto:`, in which a plus is a plus (RFC 6068).
fn encoded(words: &str) -> String {
    let lines = words.replace('\n', "\r\n");
    url::form_urlencoded::byte_serialize(lines.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_way_into_an_address() {
        assert_eq!(encoded("a b+c&d\né?"), "a%20b%2Bc%26d%0D%0A%C3%A9%3F");
    }
}
