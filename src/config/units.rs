//! Times such as `5m` and sizes such as `32MiB`.

use std::time::Duration;

/// The longest time that makes sense anywhere in the configuration: a hundred years.
const LONGEST_SECONDS: u64 = 100 * 366 * 24 * 60 * 60;

/// Reads a time: whole numbers with a unit (`ms`, `s`, `m`, `h`, `d`, `w`), one after the other: `90s`, `1h30m`, `14d`.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut milliseconds: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("is empty; write a time such as \"5m\", \"2s\" or \"14d\"".to_owned());
    }
    while !rest.is_empty() {
        let (number, after) = number(rest).ok_or_else(|| {
            format!(
                "`{}` is not a time such as \"5m\", \"2s\" or \"14d\"",
                escape(text)
            )
        })?;
        let after = after.trim_start();
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "" => return Err("has no unit; write ms, s, m, h, d or w after the number".to_owned()),
            other => return Err(no_unit(number, other)),
        };
        milliseconds = number
            .checked_mul(factor)
            .and_then(|part| milliseconds.checked_add(part))
            .filter(|sum| *sum <= LONGEST_SECONDS * 1_000)
            .ok_or("is too long: more than a hundred years")?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(milliseconds))
}

/// What is wrong with a time whose unit is none, with the one that was meant.
fn no_unit(number: u64, wrong: &str) -> String {
    let words = [
        ("ms", ["millisecond", "milliseconds", "msec"]),
        ("s", ["second", "seconds", "sec"]),
        ("m", ["minute", "minutes", "min"]),
        ("h", ["hour", "hours", "hr"]),
        ("d", ["day", "days", "D"]),
        ("w", ["week", "weeks", "W"]),
    ];
    let lower = wrong.to_lowercase();
    let meant = words
        .iter()
        .find(|(_, words)| words.contains(&lower.as_str()));
    let wrong = escape(wrong);
    match meant {
        Some((unit, _)) => format!("`{wrong}` is not a unit; write {number}{unit}"),
        None => format!("`{wrong}` is not a unit; the units are ms, s, m, h, d and w"),
    }
}

/// Reads a size in bytes: a whole number with a unit (`B`, `KiB`, `MiB`, `GiB`, `kB`, `MB`, `GB`): `32MiB`.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = number(text.trim())
        .ok_or_else(|| format!("`{}` is not a size such as \"32MiB\"", escape(text)))?;
    let factor: u64 = match unit.trim_start() {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" => return Err("has no unit; write B, KiB, MiB or GiB after the number".to_owned()),
        other => {
            return Err(format!(
                "has the unit `{}`; the units are B, KiB, MiB, GiB, kB, MB and GB",
                escape(other)
            ));
        }
    };
    number
        .checked_mul(factor)
        .filter(|bytes| *bytes <= i64::MAX as u64)
        .ok_or_else(|| "is too large".to_owned())
}

/// A time as the configuration writes it, in the largest units that fit.
#[must_use]
pub fn show_duration(time: Duration) -> String {
    let mut rest = time.as_millis();
    let mut text = String::new();
    for (unit, size) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ] {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(digits);
    Some((digits.parse().ok()?, rest))
}

fn escape(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("5m", 300),
            ("15m", 900),
            ("2s", 2),
            ("14d", 1_209_600),
            ("1h30m", 5_400),
            ("1h 30m", 5_400),
            ("2w", 1_209_600),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            " ",
            "5",
            "m",
            "5x",
            "-5m",
            "1.5h",
            "5m5",
            "99999999999999999999s",
            "18446744073709551615w",
            "200000d",
            "5 minutes",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("32MiB", 33_554_432),
            ("1KiB", 1_024),
            ("1kB", 1_000),
            ("2 GiB", 2_147_483_648),
            ("7B", 7),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "32",
            "MiB",
            "32mib",
            "-1B",
            "1.5MiB",
            "18446744073709551615GiB",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn shown_times_read_back(milliseconds in 0..4_000_000_000_u64) {
            let time = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse_duration(&show_duration(time)), Ok(time));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,20}") {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
        }
    }
}
