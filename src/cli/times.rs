//! Times and spans for people: how long ago, and how long still.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::render::{self, count};

/// What is older is told by its date.
const DAY: i64 = 86_400;

/// The present, and where it is looked at from.
#[derive(Clone, Debug)]
pub(super) struct Now {
    at: Timestamp,
    zone: TimeZone,
}

impl Now {
    /// By this machine's clock and time zone.
    pub(super) fn here() -> Self {
        Self {
            at: Timestamp::now(),
            zone: TimeZone::system(),
        }
    }

    /// A time of a report, RFC 3339 in UTC: `2 minutes ago`, or the local date. What is no time is shown as it is.
    pub(super) fn shown(&self, text: &str) -> String {
        let Ok(time) = text.parse::<Timestamp>() else {
            return render::plain(text);
        };
        let seconds = self.at.as_second() - time.as_second();
        match seconds {
            0..5 => "just now".to_owned(),
            5..60 => ago(seconds, "second"),
            60..3600 => ago(seconds / 60, "minute"),
            3600..DAY => ago(seconds / 3600, "hour"),
            _ => {
                let local = time.to_zoned(self.zone.clone());
                local.strftime("%Y-%m-%d %H:%M").to_string()
            }
        }
    }
}

fn ago(number: i64, unit: &str) -> String {
    let number = u64::try_from(number).unwrap_or_default();
    format!("{} ago", count(number, unit))
}

/// How long something takes, short enough for a progress line.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..360_000 => format!("{}h", seconds / 3600),
        _ => "days".to_owned(),
    }
}

#[cfg(test)]
impl Now {
    /// So many seconds after 1970, in a zone two hours ahead.
    pub(super) fn at(seconds: i64) -> Self {
        Self {
            at: Timestamp::from_second(seconds).unwrap(),
            zone: TimeZone::fixed(jiff::tz::offset(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lately_is_told_by_its_age_and_the_rest_by_its_local_date() {
        let shown = |seconds| Now::at(seconds).shown("1970-01-01T00:00:00Z");
        assert_eq!(shown(4), "just now");
        assert_eq!(shown(12), "12 seconds ago");
        assert_eq!(shown(60), "1 minute ago");
        assert_eq!(shown(7199), "1 hour ago");
        assert_eq!(shown(DAY), "1970-01-01 02:00");
        // A clock that was set back.
        assert_eq!(shown(-60), "1970-01-01 02:00");
        assert_eq!(Now::at(0).shown("some\u{7}day"), "some\\u{7}day");
    }

    #[test]
    fn spans_are_short() {
        let all = [59, 60, 3599, 3600, 360_000].map(span);
        assert_eq!(all, ["59s", "1m", "59m", "1h", "days"]);
    }
}
