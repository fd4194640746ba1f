//! The plugins that are shipped: part of the program, so that `plugin = "notmuch"` works wherever it runs.

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        /// Names and texts, sorted by name.
        const SHIPPED: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/", $name, ".lua")),
        )),+];
    };
}

shipped!(
    "attachments",
    "autoarchive",
    "command",
    "list-filter",
    "mu",
    "notmuch",
    "otp",
    "quiet-hours",
    "rules",
    "spam",
    "vip",
);

/// The text of a plugin that is shipped.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// The names of all plugins that are shipped, sorted.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}
