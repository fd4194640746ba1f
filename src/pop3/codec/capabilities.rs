//! What a server says it can do (CAPA, RFC 2449).

use super::Error;

/// More capabilities than any server has.
const LIMIT: usize = 200;

/// The lines of CAPA's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<String>);

impl Capabilities {
    /// Takes one line, dots removed. What is not ASCII text is no capability, and left out.
    ///
    /// # Errors
    /// More than 200 lines.
    pub fn add(&mut self, line: &[u8]) -> Result<(), Error> {
        if self.0.len() >= LIMIT {
            return Err(Error::TooMany {
                command: "CAPA",
                limit: LIMIT,
            });
        }
        let plain = line.iter().all(|octet| matches!(octet, 0x20..=0x7e));
        if let Some(text) = std::str::from_utf8(line).ok().filter(|_| plain) {
            self.0.push(text.trim().to_ascii_uppercase());
        }
        Ok(())
    }

    /// Whether a capability is there, in upper case, whatever its arguments.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.arguments(name).is_some()
    }

    /// Whether SASL has this mechanism, in upper case.
    #[must_use]
    pub fn has_mechanism(&self, name: &str) -> bool {
        self.arguments("SASL")
            .is_some_and(|mut mechanisms| mechanisms.any(|mechanism| mechanism == name))
    }

    /// The shortest time between two logins, in seconds.
    #[must_use]
    pub fn login_delay(&self) -> Option<u64> {
        self.arguments("LOGIN-DELAY")?.next()?.parse().ok()
    }

    /// All of them, as they are shown.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn arguments(&self, name: &str) -> Option<impl Iterator<Item = &str>> {
        self.iter().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some(name)).then_some(words)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_found_by_their_first_word() {
        let mut found = Capabilities::default();
        for line in ["TOP", "sasl PLAIN LOGIN", "LOGIN-DELAY 900 USER", "UIDLX"] {
            found.add(line.as_bytes()).unwrap();
        }
        found.add(b"PIPELINING\x1b").unwrap();
        assert!(found.has("TOP") && found.has("SASL") && !found.has("PIPELINING"));
        assert!(!found.has("UIDL") && !found.has("PLAIN"));
        assert!(found.has_mechanism("LOGIN") && !found.has_mechanism("XOAUTH2"));
        assert_eq!(found.login_delay(), Some(900));
        assert_eq!(found.iter().count(), 4);
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let mut found = Capabilities::default();
        let refused = (0..=LIMIT).map(|_| found.add(b"TOP")).find(Result::is_err);
        assert!(refused.is_some());
    }
}
