//! Placeholder head; the module's author writes it.
