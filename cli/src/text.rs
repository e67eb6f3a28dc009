//! Text for people: nothing that a terminal would obey, and times as one says them.

use std::time::Duration;

use holdfast::lock::Timestamp;

/// The text with every control character, and everything that changes the direction of writing, escaped: what others have
/// entered neither moves the cursor nor shows other than it is.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            clean.extend(c.escape_default());
        } else if is_invisible(c) {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// The same for text of several lines of our own: a line feed is one.
pub(crate) fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// JSON as serde writes it, with what [`clean`] escapes as `\u…`: serde does so with the characters below a space alone.
pub(crate) fn clean_json(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    for c in json.chars() {
        // A line feed is of the layout: within a text serde has escaped it.
        if (c.is_control() && c != '\n') || is_invisible(c) {
            clean.extend(format!("\\u{:04x}", u32::from(c)).chars());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Marks and overrides of direction, separators of lines, and what has no width. All are in the basic plane.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How long ago, or how long from now: `3 min ago`, `in 9 min`; beyond a month the day.
pub(crate) fn human(when: Timestamp, now: Timestamp) -> String {
    const MONTH: Duration = Duration::from_hours(30 * 24);
    let (past, future) = (now.since(when), when.since(now));
    if past.max(future) >= MONTH {
        return when.day();
    }
    if future.is_zero() {
        match span(past) {
            Some(span) => format!("{span} ago"),
            None => "just now".to_owned(),
        }
    } else {
        format!("in {}", span(future).as_deref().unwrap_or("1 s"))
    }
}

/// The largest unit that there is one of; `None` below a second.
fn span(duration: Duration) -> Option<String> {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0 => return None,
        1..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "min"),
        3_600..86_400 => (seconds / 3_600, "h"),
        86_400..172_800 => (1, "day"),
        _ => (seconds / 86_400, "days"),
    };
    Some(format!("{count} {unit}"))
}

/// A time of an answer for people; as it is, where it cannot be read.
pub(crate) fn human_text(when: &str, now: Timestamp) -> String {
    Timestamp::parse(when).map_or_else(|| when.to_owned(), |when| human(when, now))
}

/// Reads a moment from the command line: RFC 3339, a day in UTC, or how long ago (`3h`).
pub(crate) fn parse_moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    Timestamp::parse(text)
        .or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
        .or_else(|| humantime::parse_duration(text).ok().map(|ago| now.minus(ago)))
}

/// Reads a duration from the command line in whole seconds: `90s`, `10m`, `1h 30m`, or a bare number of seconds.
pub(crate) fn parse_seconds(text: &str) -> Result<u64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let duration =
        humantime::parse_duration(text).map_err(|_| "not a duration such as 90s, 10m or 1h".to_owned())?;
    if duration.subsec_nanos() != 0 {
        return Err("whole seconds only".to_owned());
    }
    Ok(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_entered_reaches_a_terminal_as_text() {
        assert_eq!(clean("a\u{1b}[2Jb\r\n\u{9b}1m"), r"a\u{1b}[2Jb\r\n\u{9b}1m");
        assert_eq!(clean("ID5\u{202e}5DI"), r"ID5\u{202e}5DI");
        assert_eq!(clean("zoë 名前 👍"), "zoë 名前 👍");
        assert_eq!(clean_lines("one\n  two\u{7}"), "one\n  two\\u{7}");
        let json = serde_json::to_string("a\u{1b}\u{9b}\u{7f}\u{202e}\n\"ë").unwrap();
        let clean = clean_json(&json);
        assert_eq!(clean, r#""a\u001b\u009b\u007f\u202e\n\"ë""#);
        assert_eq!(
            serde_json::from_str::<String>(&clean).unwrap(),
            "a\u{1b}\u{9b}\u{7f}\u{202e}\n\"ë"
        );
    }

    #[test]
    fn times_read_as_one_says_them() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        for (when, said) in [
            ("2026-11-22T10:00:00Z", "just now"),
            ("2026-11-22T09:59:59.5Z", "just now"),
            ("2026-11-22T09:59:18Z", "42 s ago"),
            ("2026-11-22T09:56:59Z", "3 min ago"),
            ("2026-11-22T05:00:00Z", "5 h ago"),
            ("2026-11-21T09:00:00Z", "1 day ago"),
            ("2026-11-02T10:00:00Z", "20 days ago"),
            ("2026-10-02T10:00:00Z", "2026-10-02"),
            ("2026-11-22T10:00:00.5Z", "in 1 s"),
            ("2026-11-22T10:09:59Z", "in 9 min"),
            ("2027-11-22T10:09:59Z", "2027-11-22"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(human_text(when, now), said, "{when}");
        }
    }

    #[test]
    fn moments_and_durations_are_read() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        for (text, moment) in [
            ("2026-11-22T08:00:00+01:00", Some("2026-11-22T07:00:00Z")),
            ("2026-11-20", Some("2026-11-20T00:00:00Z")),
            ("36h", Some("2026-11-20T22:00:00Z")),
            ("noon", None),
        ] {
            let read = parse_moment(text, now).map(|moment| moment.to_string());
            assert_eq!(read.as_deref(), moment, "{text}");
        }
        for (text, seconds) in [
            ("90", Some(90)),
            ("10m", Some(600)),
            ("1h 30m", Some(5_400)),
            ("1.5s", None),
            ("5ms", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(parse_seconds(text).ok(), seconds, "{text}");
        }
    }
}
