//! `$filter`: comparisons, `and`, `or`, `not`, the usual string functions, and `any` over extended properties and
//! categories (3, 7.6).

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::items::same_property;
use super::odata::{at_path, bad};
use super::times::read_wall;
use crate::microsoft::errors::GraphResult;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(Term, Operator, Term),
    /// `startswith`, `endswith`, `contains`
    Text(Function, Term, Term),
    /// A list, the name of its members, and what must hold for one of them.
    Any(Vec<String>, String, Option<Box<Filter>>),
    /// A property that is true or false.
    Flag(Term),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    Path(Vec<String>),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    StartsWith,
    EndsWith,
    Contains,
}

/// What a filter is held against.
pub(super) struct Subject<'a> {
    pub body: &'a Map<String, Value>,
    /// Extended properties, which the body does not show.
    pub properties: &'a [(&'a String, &'a String)],
}

/// A property that there is not.
#[derive(Debug)]
pub(super) struct Unknown(pub String);

/// A member of a list, under its name.
enum Member<'a> {
    Property(&'a str, &'a str),
    Value(&'a Value),
}

impl Filter {
    pub fn parse(text: &str) -> GraphResult<Filter> {
        let tokens = tokens(text).ok_or_else(|| bad(format!("Invalid filter clause: '{text}'.")))?;
        let mut parser = Parser { tokens: &tokens, at: 0 };
        let filter = parser.or().filter(|_| parser.at == tokens.len());
        filter.ok_or_else(|| bad(format!("Invalid filter clause: a syntax error in '{text}'.")))
    }

    pub fn matches(&self, subject: &Subject<'_>) -> Result<bool, Unknown> {
        self.holds(subject, None)
    }

    /// Whether extended properties are asked for: such filters look at the whole mailbox (7.6).
    pub fn asks_for_properties(&self) -> bool {
        match self {
            Filter::And(one, other) | Filter::Or(one, other) => {
                one.asks_for_properties() || other.asks_for_properties()
            }
            Filter::Not(one) => one.asks_for_properties(),
            Filter::Any(path, _, _) => is_properties(path),
            _ => false,
        }
    }

    /// Whether it can be held against extended properties alone.
    pub fn looks_at_properties_only(&self) -> bool {
        match self {
            Filter::And(one, other) | Filter::Or(one, other) => {
                one.looks_at_properties_only() && other.looks_at_properties_only()
            }
            Filter::Not(one) => one.looks_at_properties_only(),
            Filter::Any(path, _, _) => is_properties(path),
            _ => false,
        }
    }

    /// The texts that `id eq '…'` names, in the filter of an expanded property.
    pub fn ids(&self) -> Vec<&str> {
        match self {
            Filter::Or(one, other) | Filter::And(one, other) => {
                let mut ids = one.ids();
                ids.extend(other.ids());
                ids
            }
            Filter::Compare(Term::Path(path), Operator::Eq, Term::Literal(Value::String(id)))
                if path.last().is_some_and(|name| name.eq_ignore_ascii_case("id")) =>
            {
                vec![id]
            }
            _ => Vec::new(),
        }
    }

    fn holds(&self, subject: &Subject<'_>, member: Option<(&str, &Member<'_>)>) -> Result<bool, Unknown> {
        Ok(match self {
            Filter::And(one, other) => one.holds(subject, member)? && other.holds(subject, member)?,
            Filter::Or(one, other) => one.holds(subject, member)? || other.holds(subject, member)?,
            Filter::Not(one) => !one.holds(subject, member)?,
            Filter::Flag(term) => term.value(subject, member)? == Value::Bool(true),
            Filter::Compare(one, operator, other) => {
                let (left, right) = (one.value(subject, member)?, other.value(subject, member)?);
                if is_property_id(one, member) {
                    let same = match (&left, &right) {
                        (Value::String(one), Value::String(other)) => same_property(one, other),
                        _ => false,
                    };
                    return Ok(same == (*operator == Operator::Eq));
                }
                compare(&left, *operator, &right)
            }
            Filter::Text(function, one, other) => {
                let (one, other) = (one.value(subject, member)?, other.value(subject, member)?);
                let (Value::String(one), Value::String(other)) = (one, other) else { return Ok(false) };
                let (one, other) = (one.to_lowercase(), other.to_lowercase());
                match function {
                    Function::StartsWith => one.starts_with(&other),
                    Function::EndsWith => one.ends_with(&other),
                    Function::Contains => one.contains(&other),
                }
            }
            Filter::Any(path, _, None) if is_properties(path) => !subject.properties.is_empty(),
            Filter::Any(path, name, Some(filter)) if is_properties(path) => {
                for (id, value) in subject.properties {
                    if filter.holds(subject, Some((name, &Member::Property(id, value))))? {
                        return Ok(true);
                    }
                }
                false
            }
            Filter::Any(path, name, filter) => {
                let list = at_path(subject.body, path).ok_or_else(|| Unknown(path.join("/")))?;
                let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
                let Some(filter) = filter else { return Ok(!list.is_empty()) };
                for one in list {
                    if filter.holds(subject, Some((name, &Member::Value(one))))? {
                        return Ok(true);
                    }
                }
                false
            }
        })
    }
}

fn is_properties(path: &[String]) -> bool {
    matches!(path, [name] if name.eq_ignore_ascii_case("singleValueExtendedProperties"))
}

/// Names of extended properties are compared in a way of their own.
fn is_property_id(term: &Term, member: Option<(&str, &Member<'_>)>) -> bool {
    let (Term::Path(path), Some((name, Member::Property(..)))) = (term, member) else { return false };
    matches!(&path[..], [first, second] if first == name && second.eq_ignore_ascii_case("id"))
}

impl Term {
    fn value(&self, subject: &Subject<'_>, member: Option<(&str, &Member<'_>)>) -> Result<Value, Unknown> {
        let path = match self {
            Term::Literal(value) => return Ok(value.clone()),
            Term::Path(path) => path,
        };
        let unknown = || Unknown(path.join("/"));
        if let Some((name, member)) = member
            && path.first().is_some_and(|first| first == name)
        {
            return match (member, &path[1..]) {
                (Member::Property(id, _), [part]) if part.eq_ignore_ascii_case("id") => Ok((*id).into()),
                (Member::Property(_, value), [part]) if part.eq_ignore_ascii_case("value") => {
                    Ok((*value).into())
                }
                (Member::Value(value), []) => Ok((*value).clone()),
                (Member::Value(Value::Object(fields)), rest) => {
                    at_path(fields, rest).cloned().ok_or_else(unknown)
                }
                _ => Err(unknown()),
            };
        }
        at_path(subject.body, path).cloned().ok_or_else(unknown)
    }
}

/// Strings without regard to letters; dates and times, however many digits they have, as such.
fn compare(one: &Value, operator: Operator, other: &Value) -> bool {
    let order = match (one, other) {
        (Value::String(one), Value::String(other)) => match (date(one), date(other)) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => Some(one.to_lowercase().cmp(&other.to_lowercase())),
        },
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().zip(other.as_f64()).and_then(|(one, other)| one.partial_cmp(&other))
        }
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    };
    match (operator, order) {
        (Operator::Ne, order) => order != Some(Ordering::Equal),
        (_, None) => false,
        (Operator::Eq, Some(order)) => order == Ordering::Equal,
        (Operator::Gt, Some(order)) => order == Ordering::Greater,
        (Operator::Ge, Some(order)) => order != Ordering::Less,
        (Operator::Lt, Some(order)) => order == Ordering::Less,
        (Operator::Le, Some(order)) => order != Ordering::Greater,
    }
}

fn date(text: &str) -> Option<chrono::NaiveDateTime> {
    let begins = text.len() >= 10 && text.as_bytes().get(4) == Some(&b'-');
    begins.then(|| read_wall(text)).flatten()
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            letter if letter.is_whitespace() => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            ':' => tokens.push(Token::Colon),
            '\'' => {
                let mut quoted = String::new();
                loop {
                    match letters.next()? {
                        // A quote in a text is doubled.
                        '\'' if letters.next_if_eq(&'\'').is_some() => quoted.push('\''),
                        '\'' => break,
                        letter => quoted.push(letter),
                    }
                }
                tokens.push(Token::Text(quoted));
            }
            letter => {
                let mut word = String::from(letter);
                // An instant holds colons, a lambda's variable ends at one.
                let digits = letter.is_ascii_digit();
                while let Some(next) = letters.next_if(|next| {
                    !next.is_whitespace() && !"(),'".contains(*next) && (digits || *next != ':')
                }) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn word(&mut self, wanted: &str) -> bool {
        let is =
            matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(is);
        is
    }

    fn take(&mut self, wanted: &Token) -> Option<()> {
        (self.tokens.get(self.at) == Some(wanted)).then(|| self.at += 1)
    }

    fn or(&mut self) -> Option<Filter> {
        let mut filter = self.and()?;
        while self.word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.and()?));
        }
        Some(filter)
    }

    fn and(&mut self) -> Option<Filter> {
        let mut filter = self.one()?;
        while self.word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
        Some(filter)
    }

    fn one(&mut self) -> Option<Filter> {
        if self.at > 500 {
            return None;
        }
        if self.word("not") {
            return Some(Filter::Not(Box::new(self.one()?)));
        }
        if self.take(&Token::Open).is_some() {
            let filter = self.or()?;
            self.take(&Token::Close)?;
            return Some(filter);
        }
        let function = [
            ("startswith", Function::StartsWith),
            ("endswith", Function::EndsWith),
            ("contains", Function::Contains),
        ];
        for (name, function) in function {
            if matches!(self.tokens.get(self.at + 1), Some(Token::Open)) && self.word(name) {
                self.take(&Token::Open)?;
                let one = self.term()?;
                self.take(&Token::Comma)?;
                let other = self.term()?;
                self.take(&Token::Close)?;
                return Some(Filter::Text(function, one, other));
            }
        }
        let one = self.term()?;
        if let Term::Path(path) = &one
            && path.last().is_some_and(|last| last.eq_ignore_ascii_case("any"))
            && self.take(&Token::Open).is_some()
        {
            let list = path[..path.len() - 1].to_vec();
            if self.take(&Token::Close).is_some() {
                return Some(Filter::Any(list, String::new(), None));
            }
            let Some(Token::Word(name)) = self.tokens.get(self.at).cloned() else { return None };
            self.at += 1;
            self.take(&Token::Colon)?;
            let filter = self.or()?;
            self.take(&Token::Close)?;
            return Some(Filter::Any(list, name, Some(Box::new(filter))));
        }
        let operators = [
            ("eq", Operator::Eq),
            ("ne", Operator::Ne),
            ("gt", Operator::Gt),
            ("ge", Operator::Ge),
            ("lt", Operator::Lt),
            ("le", Operator::Le),
        ];
        for (name, operator) in operators {
            if self.word(name) {
                return Some(Filter::Compare(one, operator, self.term()?));
            }
        }
        Some(Filter::Flag(one))
    }

    fn term(&mut self) -> Option<Term> {
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        match token {
            Token::Text(text) => Some(Term::Literal(text.into())),
            Token::Word(word) => Some(match word.as_str() {
                "true" => Term::Literal(true.into()),
                "false" => Term::Literal(false.into()),
                "null" => Term::Literal(Value::Null),
                word => match word.parse::<i64>() {
                    Ok(number) => Term::Literal(number.into()),
                    // A date or an instant stands without quotes.
                    Err(_) if word.starts_with(|letter: char| letter.is_ascii_digit()) => {
                        Term::Literal(word.into())
                    }
                    Err(_) => Term::Path(word.split('/').map(str::to_owned).collect()),
                },
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(text: &str) -> bool {
        let body = json!({
            "subject": "Yoga's class", "isAllDay": false, "categories": ["Red"], "reminder": 15, "gone": null,
            "start": {"dateTime": "2027-03-02T17:00:00.0000000"},
        });
        let id = "String {66f5a359-4659-4638-81a3-d1d2b2f5c5b4} Name OriginKey".to_owned();
        let value = "Ab1".to_owned();
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let subject = Subject { body: body.as_object().unwrap(), properties: &[(&id, &value)] };
        filter.matches(&subject).unwrap()
    }

    #[test]
    fn filters_are_read_and_hold() {
        for (text, wanted) in [
            ("subject eq 'yoga''s CLASS'", true),
            ("subject ne 'Yoga'", true),
            ("startswith(subject,'yo') and isAllDay eq false", true),
            ("contains(subject, 'zzz') or not (isAllDay eq true)", true),
            ("start/dateTime ge '2027-03-02T17:00:00' and start/dateTime lt '2027-03-02T17:00:01Z'", true),
            ("start/dateTime gt 2027-03-02T17:00:00Z", false),
            ("categories/any(c:c eq 'red')", true),
            ("categories/any(c: c eq 'blue')", false),
            ("reminder ge 15", true),
            ("gone eq null", true),
            ("isAllDay", false),
        ] {
            assert_eq!(matches(text), wanted, "{text}");
        }
    }

    #[test]
    fn extended_properties_are_found_by_name_and_value() {
        let ask = |name: &str, value: &str| {
            matches(&format!(
                "singleValueExtendedProperties/Any(ep: ep/id eq 'string {{66F5A359-4659-4638-81a3-d1d2b2f5c5b4}} Name {name}' and ep/value eq '{value}')"
            ))
        };
        assert!(ask("OriginKey", "Ab1"));
        assert!(ask("OriginKey", "aB1"), "values are compared without regard to letters");
        assert!(!ask("originkey", "Ab1"), "names are not");
        assert!(!ask("OriginKey", "Ab"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in
            ["subject eq", "eq 'x'", "(subject eq 'x'", "subject eq 'x", "subject eq 'x' and", "a b c"]
        {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
