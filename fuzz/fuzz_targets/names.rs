//! See `mailferry::fuzz::names`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::names(data));
