//! See `mailferry::fuzz::pop3`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::pop3(data));
