//! See `mailferry::fuzz::letter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::letter(data));
