//! The plugins that are shipped.
