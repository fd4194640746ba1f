//! See `mailferry::fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::config(data));
