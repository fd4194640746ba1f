//! Modified UTF-7 (RFC 3501 section 5.1.3), for the client alone.

/// Encodes a name for the wire.
pub fn encode(name: &str) -> String {
    let mut wire = String::new();
    let mut shifted: Vec<u8> = Vec::new();
    for character in name.chars() {
        if (' '..='~').contains(&character) {
            flush(&mut wire, &mut shifted);
            wire.push(character);
            if character == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shifted.extend(unit.to_be_bytes());
            }
        }
    }
    flush(&mut wire, &mut shifted);
    wire
}

fn flush(wire: &mut String, shifted: &mut Vec<u8>) {
    if shifted.is_empty() {
        return;
    }
    wire.push('&');
    let (mut bits, mut held) = (0_u32, 0);
    for byte in shifted.drain(..) {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 6 {
            held -= 6;
            wire.push(ALPHABET[(bits >> held) as usize & 63] as char);
        }
    }
    if held > 0 {
        wire.push(ALPHABET[(bits << (6 - held)) as usize & 63] as char);
    }
    wire.push('-');
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Decodes a name from the wire.
pub fn decode(wire: &str) -> String {
    let mut name = String::new();
    let mut rest = wire;
    while let Some((before, after)) = rest.split_once('&') {
        name.push_str(before);
        let (coded, behind) = after.split_once('-').expect("an end of the shift");
        if coded.is_empty() {
            name.push('&');
        }
        let (mut bits, mut held, mut units) = (0_u64, 0, Vec::new());
        for byte in coded.bytes() {
            let value = ALPHABET.iter().position(|known| *known == byte);
            bits = (bits << 6) | value.expect("a letter of the alphabet") as u64;
            held += 6;
            if held >= 16 {
                held -= 16;
                units.push((bits >> held) as u16);
            }
        }
        name.push_str(&String::from_utf16(&units).expect("UTF-16"));
        rest = behind;
    }
    name.push_str(rest);
    name
}

#[test]
fn names_survive_the_wire() {
    for (name, wire) in [
        ("Reisen/Zürich", "Reisen/Z&APw-rich"),
        ("日本語", "&ZeVnLIqe-"),
        ("a&b", "a&-b"),
        ("😀", "&2D3eAA-"),
    ] {
        assert_eq!(encode(name), wire);
        assert_eq!(decode(wire), name);
    }
}
