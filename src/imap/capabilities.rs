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

    /// The value of an atom of the form `NAME=value`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find_map(|atom| atom.strip_prefix(name)?.strip_prefix('='))
    }

    /// Takes an atom out, as if the server had never said it.
    pub fn hide(&mut self, atom: &str) {
        self.0.remove(&atom.to_ascii_uppercase());
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
