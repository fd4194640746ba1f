//! The POP3 client's words (RFC 1939, 2449, 3206, 6856).
//!
//! So far the pure part only: what a server sends, taken apart. No socket, no file, no decision about mail.

pub mod codec;
