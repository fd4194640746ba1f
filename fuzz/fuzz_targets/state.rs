//! See `mailferry::fuzz::state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::state(data));
