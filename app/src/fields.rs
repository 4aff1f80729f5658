//! Fields of forms, each with its label, its hint and what is wrong with it.

use leptos::prelude::*;

/// What is wrong with what was typed: the name of the field, and words.
pub type Wrong = (&'static str, String);

/// One field. Its name is its id too.
#[derive(Clone, Debug, Default)]
pub struct Field {
    pub name: &'static str,
    pub label: String,
    /// `text` by default, or another kind of input; `lines` for a text of several.
    pub kind: &'static str,
    pub value: String,
    pub hint: Option<String>,
    pub required: bool,
    /// In characters.
    pub longest: Option<usize>,
    /// Whose data it is: what browsers may fill in (`off` by default).
    pub autocomplete: Option<&'static str>,
}

pub fn field(field: Field, wrong: Option<&Wrong>) -> AnyView {
    let Field { name, label, kind, value, hint, required, longest, autocomplete } = field;
    let wrong = wrong.filter(|(of, _)| *of == name).map(|(_, words)| words.clone());
    let (invalid, described) = marks(name, hint.is_some(), wrong.is_some());
    let autocomplete = autocomplete.unwrap_or("off");
    let longest = longest.map(|longest| longest.to_string());
    let decimal = (kind == "decimal").then_some("decimal");
    let input = if kind == "lines" {
        view! {
            <textarea
                id=name
                name=name
                rows="3"
                required=required
                maxlength=longest
                aria-invalid=invalid
                aria-describedby=described
            >
                {value}
            </textarea>
        }
        .into_any()
    } else {
        let kind = if kind.is_empty() || kind == "decimal" { "text" } else { kind };
        view! {
            <input
                id=name
                name=name
                type=kind
                inputmode=decimal
                value=value
                required=required
                maxlength=longest
                autocomplete=autocomplete
                aria-invalid=invalid
                aria-describedby=described
            />
        }
        .into_any()
    };
    around(name, label, input, hint, wrong)
}

/// A choice among a few: their values and words.
pub fn choice(
    name: &'static str,
    label: String,
    options: impl IntoIterator<Item = (String, String)>,
    chosen: &str,
    hint: Option<String>,
    wrong: Option<&Wrong>,
) -> AnyView {
    let wrong = wrong.filter(|(of, _)| *of == name).map(|(_, words)| words.clone());
    let (invalid, described) = marks(name, hint.is_some(), wrong.is_some());
    let options: Vec<_> = options
        .into_iter()
        .map(|(value, words)| {
            let selected = value == chosen;
            view! { <option value=value selected=selected>{words}</option> }
        })
        .collect();
    let select = view! {
        <select id=name name=name aria-invalid=invalid aria-describedby=described>{options}</select>
    };
    around(name, label, select.into_any(), hint, wrong)
}

fn marks(name: &str, hint: bool, wrong: bool) -> (Option<&'static str>, Option<String>) {
    let described = match (wrong, hint) {
        (true, _) => Some(format!("{name}-wrong")),
        (false, true) => Some(format!("{name}-hint")),
        (false, false) => None,
    };
    (wrong.then_some("true"), described)
}

fn around(
    name: &'static str,
    label: String,
    input: AnyView,
    hint: Option<String>,
    wrong: Option<String>,
) -> AnyView {
    let hint = hint.map(|words| view! { <p class="small" id=format!("{name}-hint")>{words}</p> });
    let wrong =
        wrong.map(|words| view! { <p class="wrong" role="alert" id=format!("{name}-wrong")>{words}</p> });
    view! {
        <div class="field">
            <label for=name>{label}</label>
            {input}
            {hint}
            {wrong}
        </div>
    }
    .into_any()
}
