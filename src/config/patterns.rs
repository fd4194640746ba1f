//! Which mailboxes are synced: `mailboxes = ["*", "!Spam", "!Archive/*"]`.
//!
//! The last rule that matches decides, and what no rule matches stays out. `*` matches anything, `/` included; `%`
//! anything but `/`, as in IMAP's LIST (RFC 3501 section 6.3.8); `?` one character. A rule without these matches
//! exactly the mailbox of that name. `!` in front leaves out instead of taking in. A backslash takes the meaning from
//! the character after it. INBOX is matched in any case.

use crate::mail::MailboxName;

/// The rules of one account, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// As it stands in the configuration.
    text: String,
    include: bool,
    glob: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Exactly(char),
    One,
    /// Any characters within one level.
    Level,
    /// Any characters.
    All,
}

impl Piece {
    /// The character, if it is one.
    fn exactly(&self) -> Option<char> {
        match self {
            Self::Exactly(character) => Some(*character),
            _ => None,
        }
    }
}

/// Whether a mailbox is synced, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// It is.
    pub included: bool,
    /// The rule that took it in or left it out, as it stands in the configuration; `None` when no rule matched.
    pub rule: Option<String>,
}

/// Why a rule cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing in it (but perhaps a `!`).
    #[error("names no mailbox")]
    Empty,
    /// `a//b`, `/a` or `a/`.
    #[error("has an empty level: `/` stands between two names")]
    EmptyLevel,
    /// It ends in a backslash.
    #[error("ends in a backslash, which takes the meaning from the character after it")]
    LoneBackslash,
    /// A control character, which no mailbox name that people write has.
    #[error("has a control character")]
    Control,
}

impl Patterns {
    /// The default: everything.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Rule {
            text: "*".to_owned(),
            include: true,
            glob: vec![Piece::All],
        }])
    }

    /// INBOX and nothing else.
    #[must_use]
    pub fn inbox() -> Self {
        Self(vec![Rule {
            text: "INBOX".to_owned(),
            include: true,
            glob: "INBOX".chars().map(Piece::Exactly).collect(),
        }])
    }

    /// Rules from their texts.
    ///
    /// # Errors
    /// The number of the first bad rule, and what is wrong with it.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, (usize, PatternError)> {
        texts
            .into_iter()
            .enumerate()
            .map(|(number, text)| Rule::parse(text).map_err(|error| (number, error)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a mailbox is in, and the rule that says so.
    #[must_use]
    pub fn decide(&self, name: &MailboxName) -> Decision {
        let characters: Vec<char> = name.as_str().chars().collect();
        let rule = self.0.iter().rev().find(|rule| rule.matches(&characters));
        Decision {
            included: rule.is_some_and(|rule| rule.include),
            rule: rule.map(|rule| rule.text.clone()),
        }
    }

    /// Whether some rule takes anything in at all, and no later one leaves just that out again.
    #[must_use]
    pub fn takes_anything_in(&self) -> bool {
        let left_out = |glob: &[Piece], later: &[Rule]| {
            let exact: Option<Vec<char>> = glob.iter().map(Piece::exactly).collect();
            later.iter().any(|rule| {
                let same = rule.glob == glob || rule.glob == [Piece::All];
                let covers = exact.as_ref().is_some_and(|name| rule.matches(name));
                !rule.include && (same || covers)
            })
        };
        self.0.iter().enumerate().any(|(number, rule)| {
            let later = self.0.get(number + 1..).unwrap_or_default();
            rule.include && !left_out(&rule.glob, later)
        })
    }

    /// The rules as they stand in the configuration.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| rule.text.as_str())
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let (include, pattern) = match text.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, text),
        };
        if pattern.is_empty() {
            return Err(PatternError::Empty);
        }
        if pattern.split('/').any(str::is_empty) {
            return Err(PatternError::EmptyLevel);
        }
        if pattern.chars().any(char::is_control) {
            return Err(PatternError::Control);
        }
        let mut glob = Vec::new();
        let pattern = with_inbox_in_capitals(pattern);
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            glob.push(match character {
                '*' => Piece::All,
                '%' => Piece::Level,
                '?' => Piece::One,
                '\\' => Piece::Exactly(characters.next().ok_or(PatternError::LoneBackslash)?),
                other => Piece::Exactly(other),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            include,
            glob,
        })
    }

    /// Follows all ways through the pattern at once, so that no pattern takes longer than its length times the name's.
    fn matches(&self, name: &[char]) -> bool {
        // `reached[n]`: the pieces so far can match the first n characters.
        let mut reached = vec![false; name.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for piece in &self.glob {
            let mut next = vec![false; name.len() + 1];
            let mut running = false;
            let steps = reached.iter().zip(next.iter_mut()).enumerate();
            let mut before = false;
            for (length, (&was, now)) in steps {
                let character = length
                    .checked_sub(1)
                    .and_then(|last| name.get(last))
                    .copied();
                match piece {
                    Piece::Exactly(wanted) => *now = before && character == Some(*wanted),
                    Piece::One => *now = before,
                    Piece::All => {
                        running |= was;
                        *now = running;
                    }
                    Piece::Level => {
                        running = was || (running && character != Some('/'));
                        *now = running;
                    }
                }
                before = was;
            }
            reached = next;
        }
        reached.last().copied().unwrap_or_default()
    }
}

/// A top level `inbox` in any case becomes the one spelling that mailbox names have.
fn with_inbox_in_capitals(pattern: &str) -> String {
    let (top, rest) = match pattern.split_once('/') {
        Some((top, rest)) => (top, Some(rest)),
        None => (pattern, None),
    };
    if !top.eq_ignore_ascii_case("INBOX") {
        return pattern.to_owned();
    }
    match rest {
        Some(rest) => format!("INBOX/{rest}"),
        None => "INBOX".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decide(rules: &[&str], name: &str) -> (bool, Option<String>) {
        let decision = Patterns::parse(rules.iter().copied())
            .unwrap()
            .decide(&MailboxName::parse(name).unwrap());
        (decision.included, decision.rule)
    }

    fn takes(rule: &str, name: &str) -> bool {
        decide(&[rule], name).0
    }

    #[test]
    fn the_last_matching_rule_decides() {
        let rules = ["*", "!Spam", "!Archive/*", "Archive/2026"];
        for (name, included, rule) in [
            ("INBOX", true, "*"),
            ("Spam", false, "!Spam"),
            ("Spam/Old", true, "*"),
            ("Archive", true, "*"),
            ("Archive/2025", false, "!Archive/*"),
            ("Archive/2025/May", false, "!Archive/*"),
            ("Archive/2026", true, "Archive/2026"),
        ] {
            assert_eq!(
                decide(&rules, name),
                (included, Some(rule.to_owned())),
                "{name}"
            );
        }
    }

    #[test]
    fn what_no_rule_matches_stays_out() {
        assert_eq!(decide(&["INBOX", "!Spam"], "Sent"), (false, None));
    }

    #[test]
    fn wildcards_differ_in_what_they_cross() {
        assert!(takes("a/*", "a/b/c"));
        assert!(!takes("a/%", "a/b/c"));
        assert!(takes("a/%", "a/b"));
        assert!(takes("%/c", "b/c"));
        assert!(!takes("%", "b/c"));
        assert!(takes("20??", "2026"));
        assert!(!takes("20??", "202"));
        assert!(takes("*b*", "abc"));
        assert!(takes("*%*", "x"));
        assert!(!takes("Lists", "Lists/rust"));
        assert!(!takes("a%c", "a/c"));
        assert!(takes("a*c", "a/c"));
    }

    #[test]
    fn inbox_matches_in_any_case_and_others_do_not() {
        assert!(takes("inbox", "INBOX"));
        assert!(takes("Inbox/*", "INBOX/Sub"));
        assert!(!takes("spam", "Spam"));
    }

    #[test]
    fn a_backslash_makes_a_character_plain() {
        assert!(takes("a\\*", "a*"));
        assert!(!takes("a\\*", "ab"));
        assert!(takes("\\!odd", "!odd"));
    }

    #[test]
    fn bad_rules_are_named() {
        for (rule, error) in [
            ("", PatternError::Empty),
            ("!", PatternError::Empty),
            ("a//b", PatternError::EmptyLevel),
            ("/a", PatternError::EmptyLevel),
            ("a/", PatternError::EmptyLevel),
            ("a\\", PatternError::LoneBackslash),
            ("a\u{1b}", PatternError::Control),
        ] {
            assert_eq!(Patterns::parse(["*", rule]), Err((1, error)), "{rule:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let rule = "*a".repeat(200) + "b";
        assert!(!takes(&rule, &"a".repeat(2_000)));
    }

    proptest! {
        /// The obvious definition, exponential but right.
        #[test]
        fn it_agrees_with_the_plain_definition(rule in "[ab/*%?]{1,7}", name in "[ab]{1,3}(/[ab]{1,2}){0,2}") {
            fn plain(rule: &[char], name: &[char]) -> bool {
                match rule.split_first() {
                    None => name.is_empty(),
                    Some(('*', rest)) => (0..=name.len()).any(|n| plain(rest, &name[n..])),
                    Some(('%', rest)) => (0..=name.len())
                        .take_while(|n| *n == 0 || name[n - 1] != '/')
                        .any(|n| plain(rest, &name[n..])),
                    Some(('?', rest)) => !name.is_empty() && plain(rest, &name[1..]),
                    Some((c, rest)) => name.first() == Some(c) && plain(rest, &name[1..]),
                }
            }
            let Ok(patterns) = Patterns::parse([rule.as_str()]) else { return Ok(()) };
            let wanted = plain(
                &rule.chars().collect::<Vec<_>>(),
                &name.chars().collect::<Vec<_>>(),
            );
            let name = MailboxName::parse(&name).unwrap();
            prop_assert_eq!(patterns.decide(&name).included, wanted);
        }
    }
}
