//! Bodies of events as text and as HTML.

use serde_json::{Value, json};

/// Letters of `bodyPreview`.
const PREVIEW: usize = 255;

/// As a request prefers it: HTML, unless it wants text.
pub(crate) fn show(body: &Value, text: bool) -> Value {
    let content = body["content"].as_str().unwrap_or_default();
    let is_text = body["contentType"] == "text";
    let shown = match (is_text, text) {
        (true, true) => lines(content),
        (true, false) => page(&paragraphs(content)),
        (false, true) => plain(content),
        (false, false) => page(content),
    };
    json!({"contentType": if text { "text" } else { "html" }, "content": shown})
}

pub(crate) fn preview(body: &Value) -> String {
    let content = body["content"].as_str().unwrap_or_default();
    let text = if body["contentType"] == "text" { lines(content) } else { plain(content) };
    text.chars().take(PREVIEW).collect()
}

/// Lines end as Exchange ends them.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// A whole document; an empty body stays empty.
fn page(content: &str) -> String {
    if content.is_empty() || content.to_ascii_lowercase().contains("<html") {
        return content.to_owned();
    }
    format!(
        "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>{content}</body></html>"
    )
}

fn paragraphs(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let lines: Vec<_> = escaped.lines().collect();
    format!("<div class=\"PlainText\">{}</div>", lines.join("<br>\r\n"))
}

/// What is left of HTML without its tags.
fn plain(html: &str) -> String {
    let (mut text, mut rest) = (String::new(), html);
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at].replace(['\r', '\n'], ""));
        let tag = &rest[at + 1..];
        let end = tag.find('>').unwrap_or(tag.len());
        let (name, after) = tag.split_at(end);
        let name: String =
            name.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        match name.to_ascii_lowercase().as_str() {
            "br" => text.push_str("\r\n"),
            "p" | "div" | "tr" if tag.starts_with('/') => text.push_str("\r\n"),
            _ => {}
        }
        rest = after.strip_prefix('>').unwrap_or(after);
        // What stands in these is not shown.
        if matches!(name.to_ascii_lowercase().as_str(), "style" | "script" | "head") && !tag.starts_with('/')
        {
            let close = format!("</{}", name.to_ascii_lowercase());
            rest = rest.to_ascii_lowercase().find(&close).and_then(|at| rest.get(at..)).unwrap_or("");
        }
    }
    text.push_str(&rest.replace(['\r', '\n'], ""));
    let text = text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&amp;", "&").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_go_from_text_to_html_and_back() {
        let text = json!({"contentType": "text", "content": "a < b\nc & d"});
        assert_eq!(show(&text, true), json!({"contentType": "text", "content": "a < b\r\nc & d"}));
        let html = show(&text, false);
        assert!(html["content"].as_str().unwrap().contains("a &lt; b<br>\r\nc &amp; d"), "{html}");
        assert_eq!(show(&html, true)["content"], "a < b\r\nc & d");
        assert_eq!(preview(&html), "a < b\r\nc & d");
        let empty = json!({"contentType": "html", "content": ""});
        assert_eq!(show(&empty, false)["content"], "");
        assert_eq!(show(&empty, true)["content"], "");
    }
}
