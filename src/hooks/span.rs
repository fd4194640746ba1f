//! Lengths of time as scripts write them.

use std::time::Duration;

/// Reads `90`, `90s`, `5m`, `1h`, `30d` or `2w`; a bare number is seconds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit.trim() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(factor)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_nonsense() {
        assert_eq!(parse("2s"), Some(Duration::from_secs(2)));
        assert_eq!(parse("30d"), Some(Duration::from_secs(2_592_000)));
        assert_eq!(parse("90"), Some(Duration::from_secs(90)));
        for bad in [
            "",
            "h",
            "1.5h",
            "-1s",
            "1y",
            "99999999999999999999s",
            "99999999999999999w",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
