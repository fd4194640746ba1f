//! A server that shows what it is told.
