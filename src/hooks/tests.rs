//! Scripts, good and hostile.
