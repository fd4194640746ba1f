//! Lines of keywords and arguments, as mbsync and mpop write them.

use super::ImportError;

/// One line: where it is, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// The line, from one.
    pub line: usize,
    /// The keyword, in lower case.
    pub keyword: String,
    /// What follows it.
    pub arguments: Vec<String>,
}

impl Words {
    /// The first argument, or nothing.
    pub fn first(&self) -> &str {
        self.arguments.first().map_or("", String::as_str)
    }

    /// Whether the first argument says yes.
    pub fn yes(&self) -> bool {
        ["yes", "true", "on", "1"]
            .iter()
            .any(|yes| self.first().eq_ignore_ascii_case(yes))
    }
}

/// Splits a line into words: quotes keep blanks, a backslash keeps what follows, a `#` at the beginning of a word ends the line.
///
/// # Errors
/// A quote that is not closed.
pub(super) fn split(line: usize, text: &str) -> Result<Option<Words>, ImportError> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            '#' if !quoted && word.is_none() => break,
            blank if blank.is_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    if quoted {
        return Err(ImportError::Line {
            line,
            message: "a quote is not closed".to_owned(),
        });
    }
    words.extend(word);
    if words.is_empty() {
        return Ok(None);
    }
    let keyword = words.remove(0).to_ascii_lowercase();
    Ok(Some(Words {
        line,
        keyword,
        arguments: words,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_comments() {
        let words = split(3, r#"  PassCmd "+gpg -d \"a b\"" x\ y # gone"#)
            .unwrap()
            .unwrap();
        assert_eq!(words.keyword, "passcmd");
        assert_eq!(words.arguments, ["+gpg -d \"a b\"", "x y"]);
        assert_eq!(split(1, "# all").unwrap(), None);
        assert_eq!(split(1, "Pass a#b").unwrap().unwrap().arguments, ["a#b"]);
        assert!(split(1, "Path \"x").is_err());
        assert_eq!(split(1, "Pass \"\"").unwrap().unwrap().arguments, [""]);
    }
}
