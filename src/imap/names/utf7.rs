//! Modified UTF-7 (RFC 3501 section 5.1.3), strict: one text has one form, anything else is refused.

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};

fn engine() -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let alphabet =
        Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    // The alphabet is a constant and valid; the other one would only make names with `,` unreadable.
    alphabet.map_or(general_purpose::STANDARD_NO_PAD, |alphabet| {
        GeneralPurpose::new(&alphabet, config)
    })
}

fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~')
}

/// Text to its wire form.
pub(super) fn encode(text: &str) -> String {
    let engine = engine();
    let mut wire = String::with_capacity(text.len());
    let mut shifted: Vec<u8> = Vec::new();
    let flush = |wire: &mut String, shifted: &mut Vec<u8>| {
        if !shifted.is_empty() {
            wire.push('&');
            engine.encode_string(&*shifted, wire);
            wire.push('-');
            shifted.clear();
        }
    };
    for character in text.chars() {
        if is_plain(character) {
            flush(&mut wire, &mut shifted);
            wire.push(character);
            if character == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shifted.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    flush(&mut wire, &mut shifted);
    wire
}

/// The wire form to text; `None` if it is not exactly what [`encode`] makes of that text.
pub(super) fn decode(wire: &[u8]) -> Option<String> {
    let wire = std::str::from_utf8(wire).ok()?;
    let engine = engine();
    let mut text = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((plain, after)) = rest.split_once('&') {
        text.push_str(plain);
        let (shifted, after) = after.split_once('-')?;
        if shifted.is_empty() {
            text.push('&');
        } else {
            let octets = engine.decode(shifted).ok()?;
            let units = octets.chunks_exact(2);
            if !units.remainder().is_empty() {
                return None;
            }
            let units =
                units.filter_map(|pair| pair.first_chunk::<2>().copied().map(u16::from_be_bytes));
            for character in char::decode_utf16(units) {
                text.push(character.ok()?);
            }
        }
        rest = after;
    }
    text.push_str(rest);
    (encode(&text) == wire).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rfc_example_reads() {
        assert_eq!(
            decode(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-").unwrap(),
            "~peter/mail/台北/日本語"
        );
        assert_eq!(encode("A&B é"), "A&-B &AOk-");
    }

    #[test]
    fn a_second_form_of_a_name_is_refused() {
        for bad in [
            "&",
            "&AC8-",
            "&AOk",
            "&AOk-&AOk-",
            "&AOl-x&",
            "&2D0-",
            "é",
            "&AOkA-",
            "a\nb",
            "&!!-",
        ] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn names_go_there_and_back(text in "\\PC{0,20}|[ -~]{0,20}|[&\u{1F600}\u{e9}\n-]{0,12}") {
            let wire = encode(&text);
            prop_assert!(wire.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(decode(wire.as_bytes()), Some(text));
        }

        #[test]
        fn no_wire_name_panics(wire in proptest::collection::vec(any::<u8>(), 0..30)) {
            if let Some(text) = decode(&wire) {
                prop_assert_eq!(encode(&text).into_bytes(), wire);
            }
        }
    }
}
