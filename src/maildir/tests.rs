//! Tests over real directories.
