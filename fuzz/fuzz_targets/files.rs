//! See `mailferry::fuzz::files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::files(data));
