//! See `mailferry::fuzz::letter`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    // The library that takes bodies apart has assertions that a strange message fails, and the program catches them. The
    // usual hook of a fuzzer would end it before; a panic that nobody catches still does.
    init: drop(std::panic::take_hook()),
    |data: &[u8]| mailferry::fuzz::letter(data)
);
