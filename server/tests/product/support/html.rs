//! HTML as far as a browser without scripts needs it: a tree of elements, texts and forms.

/// An element, or the whole document.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Node>,
}

#[derive(Debug)]
enum Node {
    Text(String),
    Element(Element),
}

const VOID: [&str; 14] = [
    "!doctype", "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source",
    "track", "wbr",
];

/// Reads a document. Markup that does not nest is a mistake of the page, and ends the test.
pub fn parse(html: &str) -> Element {
    let mut open = vec![Element::default()];
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text(&mut open, &rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = &comment[comment.find("-->").expect("a comment ends") + 3..];
            continue;
        }
        if let Some(after) = rest.strip_prefix("<!>") {
            rest = after;
            continue;
        }
        let end = end_of_tag(rest);
        let tag = rest[1..end].trim_end_matches('/');
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop().expect("the document is never closed");
            assert_eq!(closed.name, name.trim().to_lowercase(), "the markup does not nest");
            open.last_mut().expect("the document is never closed").children.push(Node::Element(closed));
            continue;
        }
        let element = element(tag);
        if VOID.contains(&element.name.as_str()) {
            open.last_mut().expect("the document is never closed").children.push(Node::Element(element));
        } else if matches!(element.name.as_str(), "script" | "style") {
            let closing = format!("</{}>", element.name);
            rest = &rest[rest.find(&closing).expect("a script ends") + closing.len()..];
            open.last_mut().expect("the document is never closed").children.push(Node::Element(element));
        } else {
            open.push(element);
        }
    }
    text(&mut open, rest);
    assert_eq!(open.len(), 1, "<{}> is not closed", open.last().map_or("", |element| &element.name));
    open.pop().unwrap_or_default()
}

fn text(open: &mut [Element], text: &str) {
    if let (Some(parent), false) = (open.last_mut(), text.is_empty()) {
        parent.children.push(Node::Text(unescape(text)));
    }
}

/// Where the tag that `html` begins with ends; a `>` inside a quoted value does not end it.
fn end_of_tag(html: &str) -> usize {
    let mut quote = None;
    for (at, letter) in html.char_indices() {
        match (quote, letter) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
    }
    panic!("a tag does not end: {}", &html[..html.len().min(80)]);
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let end = rest.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(rest.len());
        let key = rest[..end].to_lowercase();
        rest = &rest[end..];
        let Some(value) = rest.strip_prefix('=') else {
            attributes.push((key, String::new()));
            continue;
        };
        let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => value[1..].split_once(quote).expect("a value's quote is closed"),
            None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        attributes.push((key, unescape(value)));
        rest = after;
    }
    Element { name: name.to_lowercase(), attributes, children: Vec::new() }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').filter(|end| *end <= 10).map(|end| &rest[1..end]);
        let letter = entity.and_then(|entity| match entity {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "nbsp" => Some('\u{a0}'),
            _ => {
                let number = entity.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        match (letter, entity) {
            (Some(letter), Some(entity)) => {
                plain.push(letter);
                rest = &rest[entity.len() + 2..];
            }
            _ => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub fn has_class(&self, class: &str) -> bool {
        self.attribute("class").is_some_and(|classes| classes.split_whitespace().any(|it| it == class))
    }

    /// All elements below this one that `wanted` accepts, in document order.
    pub fn all(&self, wanted: impl Fn(&Self) -> bool) -> Vec<&Self> {
        let mut found = Vec::new();
        self.collect(&wanted, &mut found);
        found
    }

    fn collect<'a>(&'a self, wanted: &impl Fn(&Self) -> bool, found: &mut Vec<&'a Self>) {
        for child in &self.children {
            if let Node::Element(element) = child {
                if wanted(element) {
                    found.push(element);
                }
                element.collect(wanted, found);
            }
        }
    }

    pub fn named(&self, name: &str) -> Vec<&Self> {
        self.all(|element| element.name == name)
    }

    /// What can be read in it, with one space for any white space and around any element.
    pub fn text(&self) -> String {
        let mut raw = String::new();
        self.collect_text(&mut raw);
        one_line(&raw)
    }

    fn collect_text(&self, raw: &mut String) {
        for child in &self.children {
            match child {
                Node::Text(text) => raw.push_str(text),
                Node::Element(element) => {
                    raw.push(' ');
                    element.collect_text(raw);
                    raw.push(' ');
                }
            }
        }
    }

    /// What a person, or their screen reader, calls a button or a link.
    pub fn label(&self) -> String {
        self.attribute("aria-label").map_or_else(|| self.text(), one_line)
    }
}

/// With one space for any white space, the kinds that do not break included.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A form as it would be sent, before a button is pressed.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Empty: the page's own address.
    pub action: String,
    pub post: bool,
    pub fields: Vec<(String, String)>,
}

impl Form {
    pub fn of(element: &Element) -> Self {
        let mut fields = Vec::new();
        for input in element.named("input") {
            let Some(name) = input.attribute("name") else { continue };
            let boxed = matches!(input.attribute("type"), Some("checkbox" | "radio"));
            if boxed && input.attribute("checked").is_none() {
                continue;
            }
            let value = input.attribute("value").unwrap_or(if boxed { "on" } else { "" });
            fields.push((name.to_owned(), value.to_owned()));
        }
        for area in element.named("textarea") {
            let Some(name) = area.attribute("name") else { continue };
            fields.push((name.to_owned(), area.text()));
        }
        for select in element.named("select") {
            let options = select.named("option");
            let chosen =
                options.iter().find(|option| option.attribute("selected").is_some()).or(options.first());
            if let (Some(name), Some(option)) = (select.attribute("name"), chosen) {
                let value = option.attribute("value").map_or_else(|| option.text(), str::to_owned);
                fields.push((name.to_owned(), value));
            }
        }
        Self {
            action: element.attribute("action").unwrap_or_default().to_owned(),
            post: element.attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
            fields,
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(other, _)| other != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, wanted: impl Fn(&str, &str) -> bool) -> Self {
        self.fields.retain(|(name, value)| !wanted(name, value));
        self
    }
}
