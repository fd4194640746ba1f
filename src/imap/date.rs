//! INTERNALDATE (RFC 9051 section 9, `date-time`) and seconds since 1970.

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const DAY: i64 = 86_400;

/// Days from 1970-01-01 to the first of March of a year, counted in whole 400-year cycles of the calendar.
fn days_to_march(year: i64) -> i64 {
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) - 719_468
}

/// Days from the first of March to the first of a month, months counted from March as 0.
fn days_before(month: i64) -> i64 {
    (153 * month + 2) / 5
}

/// Reads ` 1-Jul-1996 02:44:25 -0700`; `None` if it is no date.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let mut words = text.split_ascii_whitespace();
    let mut date = words.next()?.splitn(3, '-');
    let day: i64 = date.next()?.parse().ok()?;
    let month = date.next()?;
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))?;
    let year: i64 = date.next()?.parse().ok()?;
    let mut clock = words
        .next()?
        .splitn(3, ':')
        .map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let sane = (1..=31).contains(&day)
        && (0..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    let zone = words.next().map_or(Some(0), zone)?;
    let from_march = (i64::try_from(month).ok()? + 10) % 12;
    let year = if from_march >= 10 { year - 1 } else { year };
    let days = days_to_march(year) + days_before(from_march) + day - 1;
    sane.then_some(days * DAY + hour * 3600 + minute * 60 + second - zone)
}

/// `+hhmm` in seconds.
fn zone(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let value: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (value / 100 * 3600 + value % 100 * 60))
}

/// Writes a date-time in UTC, without quotes. What lies outside the years 1970 to 9999 becomes the nearest inside.
pub(crate) fn format(seconds: i64) -> String {
    let seconds = seconds.clamp(0, 253_402_300_799);
    let (days, clock) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let mut year = days / 365 + 1970;
    while days_to_march(year) > days {
        year -= 1;
    }
    let left = days - days_to_march(year);
    let from_march = (5 * left + 2) / 153;
    let day = left - days_before(from_march) + 1;
    let year = if from_march >= 10 { year + 1 } else { year };
    let month = usize::try_from((from_march + 2) % 12)
        .ok()
        .and_then(|index| MONTHS.get(index))
        .unwrap_or(&"Jan");
    format!(
        "{day:02}-{month}-{year:04} {:02}:{:02}:{:02} +0000",
        clock / 3600,
        clock / 60 % 60,
        clock % 60
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_read_with_their_zone() {
        assert_eq!(parse(b"17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
        assert_eq!(parse(b" 1-Jan-1970 00:00:00 +0000"), Some(0));
        assert_eq!(parse(b"29-feb-2024 12:00:00 +0130"), Some(1_709_202_600));
        for bad in [
            &b""[..],
            b"x",
            b"17-Jul-1996",
            b"32-Jul-1996 00:00:00 +0000",
            b"1-Foo-1996 00:00:00 +0000",
            b"1-Jan-99999999999999999999 00:00:00 +0000",
            b"1-Jan-2000 00:00:00 0000",
        ] {
            assert_eq!(parse(bad), None);
        }
    }

    #[test]
    fn dates_are_written_in_utc() {
        assert_eq!(format(837_596_665), "17-Jul-1996 09:44:25 +0000");
        assert_eq!(format(-5), "01-Jan-1970 00:00:00 +0000");
        assert_eq!(format(i64::MAX), "31-Dec-9999 23:59:59 +0000");
    }

    proptest! {
        #[test]
        fn dates_go_there_and_back(seconds in 0_i64..=253_402_300_799) {
            prop_assert_eq!(parse(format(seconds).as_bytes()), Some(seconds));
        }
    }
}
