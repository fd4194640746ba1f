//! See `mailferry::fuzz::gate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailferry::fuzz::gate(data));
