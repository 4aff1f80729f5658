//! Where a page ended, as a text that means nothing to clients: the row's instant, if the list goes by one, and its
//! id. It holds nothing that the page did not show.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _, Utc};
use uuid::Uuid;

/// Of a list by an instant and an id.
pub(crate) fn at(at: DateTime<Utc>, id: Uuid) -> String {
    let mut bytes = at.timestamp_micros().to_be_bytes().to_vec();
    bytes.extend(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`at`] wrote.
pub(crate) fn read_at<T: From<Uuid>>(text: &str) -> Option<(DateTime<Utc>, T)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (micros, id) = bytes.split_first_chunk::<8>()?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    // What was made up may lie where one of the databases knows no time.
    let known = (0..=9999).contains(&at.year());
    known.then_some((at, Uuid::from_slice(id).ok()?.into()))
}

/// Of a list by id.
pub(crate) fn of(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// Reads what [`of`] wrote.
pub(crate) fn read_of<T: From<Uuid>>(text: &str) -> Option<T> {
    Some(Uuid::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?.into())
}

/// A page of rows that were read with one more than it holds; its end, when there is more.
pub(crate) fn page<T>(
    mut rows: Vec<T>,
    limit: i64,
    end: impl FnOnce(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(0);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(end);
    (rows, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let id = Uuid::from_u128(7);
        let now: DateTime<Utc> = "2026-01-13T17:00:00.123456Z".parse().unwrap();
        assert_eq!(read_at::<Uuid>(&at(now, id)), Some((now, id)));
        assert_eq!(read_of::<Uuid>(&of(id)), Some(id));
        for bad in [
            "",
            "x",
            "====",
            &of(id),
            &URL_SAFE_NO_PAD.encode([0xff; 23]),
            &URL_SAFE_NO_PAD.encode([0x7f; 24]),
        ] {
            assert_eq!(read_at::<Uuid>(bad), None, "{bad}");
        }
        assert_eq!(read_of::<Uuid>(&at(now, id)), None);
    }
}
