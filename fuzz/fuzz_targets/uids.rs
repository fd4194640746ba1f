//! See `mailferry::fuzz::uids`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::uids(data));
