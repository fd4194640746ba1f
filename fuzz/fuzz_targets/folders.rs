//! See `mailferry::fuzz::folders`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::folders(data));
