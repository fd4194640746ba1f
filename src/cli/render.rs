//! Text for people: tables, numbers, times, and nothing that could steer a terminal.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

/// Text of others as it may be shown in a line: control and direction-changing characters are escaped.
pub(super) fn plain(text: &str) -> String {
    escape(text, false)
}

/// The same for text that has lines.
pub(super) fn lines(text: &str) -> String {
    escape(text, true)
}

fn escape(text: &str, keep_lines: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if (keep_lines && character == '\n') || !is_hazard(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// Control characters (C0, DEL, C1), line separators, and what reorders text.
fn is_hazard(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}'
        )
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
}

/// How a cell looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Somebody should look.
    Warn,
    /// Something is broken.
    Bad,
}

impl Tone {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Warn => Some("33"),
            Self::Bad => Some("31"),
        }
    }
}

/// Text in its tone.
pub(super) fn paint(text: &str, tone: Tone, colour: bool) -> String {
    match tone.code().filter(|_| colour) {
        Some(code) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        None => text.to_owned(),
    }
}

/// A table with a head line; columns are as wide as they must be.
pub(super) struct Table {
    rows: Vec<Vec<(String, Tone)>>,
    right: &'static [usize],
    colour: bool,
}

impl Table {
    /// A table with these column heads. The columns in `right` hold numbers.
    pub fn new(heads: &[&str], right: &'static [usize], colour: bool) -> Self {
        let heads = heads.iter().map(|head| ((*head).to_owned(), Tone::Plain));
        Self {
            rows: vec![heads.collect()],
            right,
            colour,
        }
    }

    /// Adds a row. The cells are escaped here.
    pub fn row<const N: usize>(&mut self, cells: [(&str, Tone); N]) {
        let cells = cells.iter().map(|(text, tone)| (plain(text), *tone));
        self.rows.push(cells.collect());
    }

    /// Whether there is nothing but the head.
    pub fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }

    /// The table's lines.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|(text, _)| text.width())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, ((cell, tone), width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width.saturating_sub(cell.width()));
                let gap = if column == 0 { "" } else { "  " };
                let cell = paint(cell, *tone, self.colour);
                if self.right.contains(&column) {
                    let _ = write!(line, "{gap}{padding}{cell}");
                } else {
                    let _ = write!(line, "{gap}{cell}{padding}");
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `1 message`, `2 messages`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A number in groups of three digits: "1,987".
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        let shown = [0, 13, 987, 1_987, 123_456, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "13", "987", "1,987", "123,456", "1,234,567"]);
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[2J\nb"), "a\\u{1b}[2J\\u{a}b");
        assert_eq!(lines("a\nb\r"), "a\nb\\u{d}");
        assert_eq!(plain("x\u{202e}fdp.exe"), "x\\u{202e}fdp.exe");
        assert_eq!(plain("Entwürfe/日本"), "Entwürfe/日本");
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["NAME", "COUNT"], &[1], false);
        table.row([("Entwürfe", Tone::Good), ("7", Tone::Plain)]);
        table.row([("a\tb", Tone::Plain), ("12345", Tone::Plain)]);
        table.row([("日本", Tone::Plain), ("5", Tone::Plain)]);
        assert_eq!(
            table.render(),
            "NAME      COUNT\nEntwürfe      7\na\\u{9}b   12345\n日本          5\n"
        );
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        assert_eq!(paint("x", Tone::Bad, false), "x");
        assert_eq!(paint("x", Tone::Bad, true), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(paint("x", Tone::Plain, true), "x");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(count(0, "message"), "0 messages");
    }
}
