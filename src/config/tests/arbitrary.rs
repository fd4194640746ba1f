//! No input makes the reader panic, and whatever it refuses it explains.

use std::path::Path;

use proptest::prelude::*;

use super::super::*;
use super::{ACCOUNT, EXAMPLE, environment, parse};

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(errors) = Config::parse(&bytes, Path::new("c"), true, &environment()) {
            prop_assert!(!errors.to_string().is_empty());
        }
    }

    #[test]
    fn no_broken_example_makes_it_panic(at in 0..EXAMPLE.len(), with in "[\\PC\n]{0,4}", cut in 0..20_usize) {
        let bytes = EXAMPLE.as_bytes();
        let mut text = bytes[..at].to_vec();
        text.extend(with.as_bytes());
        text.extend(&bytes[(at + cut).min(bytes.len())..]);
        if let Err(errors) = Config::parse(&text, Path::new("c"), true, &environment()) {
            prop_assert!(!errors.mistakes.is_empty());
            prop_assert!(!errors.to_string().is_empty());
        }
    }

    #[test]
    fn no_value_in_place_of_another_makes_it_panic(
        key in proptest::sample::select(account::all_keys()),
        value in prop_oneof![
            Just("1".to_owned()), Just("true".to_owned()), Just("[]".to_owned()), Just("{}".to_owned()),
            Just("1979-05-27".to_owned()), Just("inf".to_owned()), Just("[[1], {a = 2}]".to_owned()),
            "\"[a-zA-Z0-9/~!*%:@. -]{0,12}\"",
        ],
    ) {
        let kept: String = ACCOUNT.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
        let _ = parse(&format!("{kept}{key} = {value}\n"));
    }
}
