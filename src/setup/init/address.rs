//! The mail address that an account is for.

use std::fmt;
use std::str::FromStr;

use crate::setup::names;

/// A mail address. Its domain is in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    local: String,
    domain: String,
}

/// Why a text is no mail address that can be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has no `@`, or nothing on one of its sides.
    #[error("a mail address looks like alice@example.org")]
    Form,
    /// Blanks and the like.
    #[error("a mail address has no blanks in it")]
    Character,
    /// The domain is not in the form in which it is looked up.
    #[error(
        "write the domain as it is looked up: letters, digits, `-` and `.` (xn--... for others)"
    )]
    Domain,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AddressError::Character);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Form)?;
        let domain = domain.trim_end_matches('.').to_ascii_lowercase();
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Form);
        }
        let fits = |label: &str| {
            let inner = label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
            inner && (1..=63).contains(&label.len())
        };
        if domain.len() > 253 || !domain.split('.').all(fits) {
            return Err(AddressError::Domain);
        }
        Ok(Self {
            local: local.to_owned(),
            domain,
        })
    }
}

impl Address {
    /// What stands before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// What stands behind it.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What its account is called where nobody says otherwise: `example` for alice@example.org.
    #[must_use]
    pub fn account_name(&self) -> String {
        names::account(self.domain.split('.').next().unwrap_or_default())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_at_the_last_sign() {
        let address: Address = " \"a@b\"@Example.ORG. ".trim().parse().unwrap();
        assert_eq!(
            (address.local(), address.domain()),
            ("\"a@b\"", "example.org")
        );
        assert_eq!(address.to_string(), "\"a@b\"@example.org");
        assert_eq!(address.account_name(), "example");
    }

    #[test]
    fn what_could_be_something_else_is_refused() {
        for (text, error) in [
            ("alice", AddressError::Form),
            ("@example.org", AddressError::Form),
            ("alice@", AddressError::Form),
            ("al ice@example.org", AddressError::Character),
            ("alice@exa\u{7}mple.org", AddressError::Character),
            ("alice@ex/../ample.org", AddressError::Domain),
            ("alice@example..org", AddressError::Domain),
            ("alice@bücher.example", AddressError::Domain),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }
}
