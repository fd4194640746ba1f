//! Words out of a mail, made fit to be shown: what anybody may have written becomes one harmless line.

/// What stands for the rest of a text that was cut.
const MORE: char = '…';

/// Marks on top of a character that may follow each other; more are only there to spill over other lines.
const MARKS: usize = 4;

/// One line: control and direction characters are taken out, white space of any kind and length is one space. Cut at
/// `longest` characters, never between a character and the marks that belong to it.
#[must_use]
pub fn line(text: &str, longest: usize) -> String {
    let mut kept = String::new();
    let (mut count, mut marks, mut gap) = (0, 0, false);
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = true;
            continue;
        }
        if is_hidden(c) {
            continue;
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MARKS {
            continue;
        }
        if gap && !kept.is_empty() {
            kept.push(' ');
            count += 1;
        }
        gap = false;
        kept.push(c);
        count += 1;
        // One more than may stay shows that something is cut; nobody needs the rest of a megabyte.
        if count > longest {
            return cut(&kept, longest);
        }
    }
    kept
}

/// The first `longest` characters, the last of which stands for the rest.
fn cut(text: &str, longest: usize) -> String {
    let Some(room) = longest.checked_sub(1) else {
        return String::new();
    };
    let mut kept: Vec<char> = text.chars().take(room).collect();
    // What follows decides whether the last character is whole.
    if text.chars().nth(room).is_some_and(joins) || kept.last().is_some_and(|c| *c == '\u{200d}') {
        while kept.pop().is_some_and(joins) {}
    }
    while kept.last().is_some_and(|c| *c == ' ') {
        kept.pop();
    }
    kept.push(MORE);
    kept.into_iter().collect()
}

/// Whether a character belongs to the one before it.
fn joins(c: char) -> bool {
    is_mark(c) || c == '\u{200d}'
}

/// Marks on top of others, and what changes the looks of the character before.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// What cannot be seen and changes how the rest is seen: directions, joins of no width, tags, annotations.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}'
        | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The same text for servers that read markup.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_mislead_or_spill_over_is_taken_out() {
        for (text, shown) in [
            ("  a\r\n\tb\u{2028}c ", "a b c"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("\u{2067}pay\u{2069} \u{200b}now\u{0}", "pay now"),
            ("\u{1b}[31mred", "[31mred"),
            (
                "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}!",
                "e\u{301}\u{301}\u{301}\u{301}!",
            ),
            ("Grüße, 東京 👩\u{200d}🔬", "Grüße, 東京 👩\u{200d}🔬"),
            ("\u{feff}", ""),
        ] {
            assert_eq!(line(text, 50), shown, "{text:?}");
        }
    }

    #[test]
    fn a_cut_leaves_whole_characters() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
        assert_eq!(line("abcd efg", 6), "abcd…");
        assert_eq!(line("abcde\u{301}fg", 6), "abcd…");
        assert_eq!(line("abc👩\u{200d}🔬fg", 6), "abc…");
        assert_eq!(line("abc", 0), "");
    }

    proptest! {
        #[test]
        fn a_line_is_one_harmless_line_of_that_length(text in any::<String>(), longest in 0_usize..40) {
            let line = line(&text, longest);
            prop_assert!(line.chars().count() <= longest);
            prop_assert!(!line.chars().any(|c| c.is_control() || is_hidden(c)));
            prop_assert!(!line.contains("  ") && line.trim() == line);
        }

        #[test]
        fn nothing_is_lost_when_there_is_room(text in "[a-zA-Zäöü]{1,10}( [a-zA-Z&<]{1,10}){0,5}") {
            prop_assert_eq!(line(&text, 100), text);
        }

        #[test]
        fn escaped_text_has_no_markup_and_says_the_same(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let back = escaped
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&apos;", "'")
                .replace("&amp;", "&");
            prop_assert_eq!(back, text);
        }
    }
}
