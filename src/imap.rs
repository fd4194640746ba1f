//! The IMAP adapter: async-imap opens the conversation (`connect`), our wire engine carries it on (the rest).

pub mod capabilities;
pub mod connect;
