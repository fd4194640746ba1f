//! Which extensions a server announced. Asked again after login, because many servers only then tell.

use std::collections::BTreeSet;

/// The atoms of CAPABILITY, in capitals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(BTreeSet<String>);

impl Capabilities {
    /// Capabilities from the atoms of one or more CAPABILITY answers.
    pub fn from_atoms<'a>(atoms: impl IntoIterator<Item = &'a str>) -> Self {
        Self(atoms.into_iter().map(str::to_ascii_uppercase).collect())
    }

    /// Whether an atom is there, whatever its case.
    #[must_use]
    pub fn has(&self, atom: &str) -> bool {
        self.0.contains(&atom.to_ascii_uppercase())
    }

    /// The value of an atom of the form `NAME=value`, in capitals; the first one, if there are several (`AUTH=`).
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_uppercase();
        self.0
            .iter()
            .find_map(|atom| atom.strip_prefix(&name)?.strip_prefix('='))
    }

    /// Takes an atom out, as if the server had never said it.
    pub fn hide(&mut self, atom: &str) {
        self.0.remove(&atom.to_ascii_uppercase());
    }

    /// All but these.
    #[must_use]
    pub fn without(mut self, hidden: &[String]) -> Self {
        for atom in hidden {
            self.hide(atom);
        }
        self
    }

    /// All atoms, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_hiding_takes_exactly_one_atom() {
        let mut all =
            Capabilities::from_atoms(["idle", "AppendLimit=1000", "AUTH=PLAIN", "APPENDLIMITED=5"]);
        assert!(all.has("IDLE") && all.has("Auth=Plain") && !all.has("AUTH"));
        assert_eq!(all.value("appendlimit"), Some("1000"));
        assert_eq!(all.value("APPEND"), None);
        all.hide("Idle");
        assert!(!all.has("IDLE") && all.iter().count() == 3);
        assert!(!all.is_empty() && Capabilities::default().is_empty());
    }
}
