//! What a message must be like to be found.

use std::sync::Arc;

use crate::letter::Letter;
use crate::mail::Flags;
use crate::sync::Subject;

/// Something of the header.
#[derive(Clone, Debug)]
pub(super) enum Field {
    /// Any header of this name.
    Header(String),
    /// The identifier of the mailing list; all of it.
    ListId,
}

/// All of this must be so.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// Seconds since 1970, on the date of arrival.
    pub before: Option<i64>,
    pub after: Option<i64>,
    /// Octets.
    pub larger: Option<u64>,
    pub smaller: Option<u64>,
    pub flags: Flags,
    pub without: Flags,
    /// What headers contain, in lower case.
    pub written: Vec<(Field, String)>,
}

impl Query {
    /// Asks for a text in a header, without regard to case.
    pub fn ask(&mut self, field: Field, text: &str) {
        self.written.push((field, text.to_lowercase()));
    }

    /// What can be said without opening the file.
    pub fn takes_stored(&self, subject: &Subject) -> bool {
        self.before.is_none_or(|before| subject.date < before)
            && self.after.is_none_or(|after| subject.date >= after)
            && self.larger.is_none_or(|size| subject.size > size)
            && self.smaller.is_none_or(|size| subject.size < size)
            && self.flags.minus(&subject.flags).is_empty()
            && self.without.intersection(&subject.flags).is_empty()
    }

    /// The rest. The header is read only if something is asked of it.
    pub fn takes_written(&self, letter: impl FnOnce() -> Arc<Letter>) -> bool {
        if self.written.is_empty() {
            return true;
        }
        let letter = letter();
        self.written.iter().all(|(field, text)| match field {
            Field::ListId => letter.list_id().as_ref() == Some(text),
            Field::Header(name) => letter
                .headers(name)
                .iter()
                .any(|value| value.to_lowercase().contains(text)),
        })
    }
}
