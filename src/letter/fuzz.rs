//! What holds for any octets that stand in a message's file.

#![allow(clippy::expect_used, reason = "what does not hold has to be loud")]

use super::{Address, Body, HEAD_LIMIT, Letter};

/// So much text is asked for.
const TEXT: usize = 1000;

/// Asks for all there is: nothing panics, what comes out is text without control characters, and no more of it than went
/// in, give or take what decoding makes of it.
///
/// # Panics
/// When that does not hold.
pub fn letter(octets: &[u8]) {
    let letter = Letter::parse(octets);
    let _ = letter.date();
    let mut asked = 0;
    for name in letter.names() {
        asked += 1;
        // Each is looked for among all: of a great many not each is asked for.
        if asked > 100 {
            break;
        }
        let value = letter.header(name).expect("it is there");
        fine(&value);
        for one in letter.addresses(name) {
            of(&one);
        }
    }
    for text in [letter.subject(), letter.message_id().unwrap_or_default()] {
        fine(&text);
    }
    fine(&letter.list_id().unwrap_or_default());
    letter.from().iter().chain(&letter.to()).for_each(of);
    let body = Body::parse(octets, TEXT);
    let contents = Body::contents(octets);
    assert_eq!(contents.len(), body.attachments.len());
    assert!(body.text.len() <= TEXT);
    for (place, attachment) in body.attachments.iter().enumerate().take(20) {
        fine(&attachment.name);
        fine(&attachment.kind);
        let content = Body::attachment(octets, place).expect("it was listed");
        assert_eq!(content.len(), attachment.size);
        assert_eq!(contents.get(place), Some(&content));
    }
    assert_eq!(Body::attachment(octets, body.attachments.len()), None);
}

fn of(address: &Address) {
    fine(&address.name);
    fine(&address.address);
}

fn fine(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(text.len() <= HEAD_LIMIT * 4);
}
