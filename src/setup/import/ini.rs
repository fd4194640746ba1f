//! Files of sections and `key = value` lines, as Python's configparser reads them.

use super::ImportError;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The key, in lower case.
    pub key: String,
    /// The value; lines that continue it are joined with line ends.
    pub value: String,
    /// The line, from one.
    pub line: usize,
}

impl Entry {
    /// Whether it says yes.
    pub fn yes(&self) -> bool {
        ["yes", "true", "on", "1"]
            .iter()
            .any(|yes| self.value.eq_ignore_ascii_case(yes))
    }
}

/// A section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// What stands between the brackets.
    pub name: String,
    /// Where.
    pub line: usize,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
}

impl Section {
    /// The last entry of that key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.key == key)
    }

    /// The same if it says something.
    pub fn text(&self, key: &str) -> Option<&str> {
        let entry = self.get(key)?;
        (!entry.value.is_empty()).then_some(entry.value.as_str())
    }
}

/// Reads a file.
///
/// # Errors
/// A line that belongs to no section, or has no value.
pub(super) fn read(text: &str) -> Result<Vec<Section>, ImportError> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, raw) in text.lines().enumerate() {
        let line = number + 1;
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            sections.push(Section {
                name: name.0.trim().to_owned(),
                line,
                entries: Vec::new(),
            });
            continue;
        }
        let section = sections.last_mut().ok_or_else(|| ImportError::Line {
            line,
            message: "stands above the first [section]".to_owned(),
        })?;
        let continues = raw.starts_with([' ', '\t']);
        if let (true, Some(entry)) = (continues, section.entries.last_mut()) {
            entry.value.push('\n');
            entry.value.push_str(trimmed);
            continue;
        }
        let at = trimmed.find(['=', ':']).ok_or_else(|| ImportError::Line {
            line,
            message: "has no `=`".to_owned(),
        })?;
        let (key, value) = trimmed.split_at(at);
        section.entries.push(Entry {
            key: key.trim().to_ascii_lowercase(),
            value: value.get(1..).unwrap_or_default().trim().to_owned(),
            line,
        });
    }
    Ok(sections)
}

/// The texts in quotes of a piece of Python, in order. `None` if a quote is not closed.
pub(super) fn quoted(python: &str) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    let mut characters = python.chars();
    while let Some(character) = characters.next() {
        if !matches!(character, '\'' | '"') {
            continue;
        }
        let mut text = String::new();
        loop {
            match characters.next()? {
                '\\' => text.push(characters.next()?),
                end if end == character => break,
                other => text.push(other),
            }
        }
        texts.push(text);
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_continuations_and_comments() {
        let text = "# c\n[A b]\nkey: one\n  two\n; c\nOther=x = y\n\n[C]\nempty =\n";
        let sections = read(text).unwrap();
        assert_eq!(sections[0].name, "A b");
        assert_eq!(sections[0].text("key"), Some("one\ntwo"));
        assert_eq!(sections[0].text("other"), Some("x = y"));
        assert_eq!(sections[1].text("empty"), None);
        assert!(read("a = b\n").is_err());
        assert!(read("[x]\nnothing\n").is_err());
    }

    #[test]
    fn texts_of_python() {
        assert_eq!(
            quoted("['INBOX', \"a'b\", 'c\\'d']").unwrap(),
            ["INBOX", "a'b", "c'd"]
        );
        assert_eq!(quoted("lambda f: 'x"), None);
    }
}
