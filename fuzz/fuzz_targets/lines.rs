//! See `mailferry::fuzz::lines`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::lines(data));
