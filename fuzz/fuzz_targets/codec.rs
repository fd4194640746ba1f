//! What imap-codec takes for a response means the same to us, as far as both know what it is about.
#![no_main]

use std::collections::BTreeMap;

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::core::NString;
use imap_codec::imap_types::extensions::uidplus::UidElement;
use imap_codec::imap_types::fetch::MessageDataItem;
use imap_codec::imap_types::flag::{FlagFetch, FlagNameAttribute};
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Code, Data, Response, Status, StatusKind};
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use imap_codec::imap_types::status::StatusDataItem;
use mailferry::fuzz::{Fetched, Meaning, meaning};
use mailferry::mail::{Flags, Uid, UidSet};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok((rest, response)) = ResponseCodec::default().decode(data) else {
        return;
    };
    let Some(theirs) = of(&response) else { return };
    let one = &data[..data.len() - rest.len()];
    let Some(ours) = meaning(one) else {
        panic!("not one response to us: {}\n{theirs:?}", one.escape_ascii())
    };
    assert!(
        same(&ours, &theirs),
        "{}\nours   {ours:?}\ntheirs {theirs:?}",
        one.escape_ascii()
    );
});

/// A code that one of the two has no name for says nothing.
fn same(ours: &Meaning, theirs: &Meaning) -> bool {
    match (ours, theirs) {
        (Meaning::Status(tag, word, code), Meaning::Status(other_tag, other_word, other)) => {
            (tag, word) == (other_tag, other_word)
                && (code == other || code.is_none() || other.is_none())
        }
        (Meaning::List(name, delimiter, selectable), Meaning::List(other, its, can)) => {
            name_of(name) == name_of(other) && (delimiter, selectable) == (its, can)
        }
        (Meaning::Stated(name, values), Meaning::Stated(other, its)) => {
            name_of(name) == name_of(other) && values == its
        }
        _ => ours == theirs,
    }
}

fn name_of(wire: &[u8]) -> Vec<u8> {
    if wire.eq_ignore_ascii_case(b"INBOX") {
        b"INBOX".to_vec()
    } else {
        wire.to_vec()
    }
}

fn of(response: &Response) -> Option<Meaning> {
    match response {
        Response::CommandContinuationRequest(_) => Some(Meaning::Continue),
        Response::Status(status) => of_status(status),
        Response::Data(data) => of_data(data),
    }
}

fn of_status(status: &Status) -> Option<Meaning> {
    let (tag, body) = match status {
        Status::Untagged(body) => (None, body),
        // A tag that is not ours is nothing to us.
        Status::Tagged(tagged) => (
            Some(number(tagged.tag.inner().strip_prefix('f')?)?),
            &tagged.body,
        ),
        Status::Bye(bye) => return Some(Meaning::Status(None, "BYE", of_code(bye.code.as_ref()))),
    };
    let word = match body.kind {
        StatusKind::Ok => "OK",
        StatusKind::No => "NO",
        StatusKind::Bad => "BAD",
    };
    Some(Meaning::Status(tag, word, of_code(body.code.as_ref())))
}

fn number(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn of_code(code: Option<&Code>) -> Option<String> {
    match code? {
        Code::UidNext(uid) => Some(format!("UIDNEXT {uid}")),
        Code::UidValidity(validity) => Some(format!("UIDVALIDITY {validity}")),
        Code::HighestModSeq(modseq) => Some(format!("HIGHESTMODSEQ {modseq}")),
        Code::AppendUid { uid_validity, uid } => Some(format!("APPENDUID {uid_validity} {uid}")),
        Code::CopyUid {
            uid_validity,
            source,
            destination,
        } => {
            let list = |set: &imap_codec::imap_types::extensions::uidplus::UidSet| {
                let mut all = Vec::new();
                for element in set.0.as_ref() {
                    match element {
                        UidElement::Single(uid) => all.push(*uid),
                        // Too many to be written out, or running down, which has two readings.
                        UidElement::Range(low, high)
                            if low > high || high.get() - low.get() > 1000 =>
                        {
                            return None;
                        }
                        UidElement::Range(low, high) => {
                            all.extend(
                                (low.get()..=high.get()).filter_map(std::num::NonZeroU32::new),
                            );
                        }
                    }
                }
                Some(all)
            };
            let (from, to) = (list(source)?, list(destination)?);
            let pairs: Vec<_> = from.into_iter().zip(to.iter().copied()).collect();
            (pairs.len() == to.len()).then(|| {
                let pairs: Vec<_> = pairs
                    .into_iter()
                    .filter_map(|(from, to)| Some((uid(from.get())?, uid(to.get())?)))
                    .collect();
                format!("COPYUID {uid_validity} {pairs:?}")
            })
        }
        Code::Modified(set) => of_set(set).map(|set| format!("MODIFIED {set}")),
        Code::TryCreate => Some("TRYCREATE".to_owned()),
        Code::ReadOnly => Some("READ-ONLY".to_owned()),
        Code::ReadWrite => Some("READ-WRITE".to_owned()),
        Code::NoModSeq => Some("NOMODSEQ".to_owned()),
        Code::Closed => Some("CLOSED".to_owned()),
        Code::OverQuota => Some("OVERQUOTA".to_owned()),
        _ => None,
    }
}

fn uid(value: u32) -> Option<Uid> {
    Uid::new(value)
}

/// `None` with an asterisk, which no response may hold.
fn of_set(set: &SequenceSet) -> Option<UidSet> {
    let value = |end: &SeqOrUid| match end {
        SeqOrUid::Value(value) => uid(value.get()),
        SeqOrUid::Asterisk => None,
    };
    let mut all = UidSet::new();
    for part in set.0.as_ref() {
        let (one, other) = match part {
            Sequence::Single(one) => (value(one)?, value(one)?),
            Sequence::Range(one, other) => (value(one)?, value(other)?),
        };
        all.insert_range(one.min(other), one.max(other));
    }
    Some(all)
}

fn of_data(data: &Data) -> Option<Meaning> {
    Some(match data {
        Data::Exists(count) => Meaning::Exists(*count),
        Data::Expunge(seq) => Meaning::Expunge(seq.get()),
        Data::Search(uids, _) => {
            let uids: UidSet = uids.iter().filter_map(|value| uid(value.get())).collect();
            Meaning::Search(uids.to_string())
        }
        Data::Vanished {
            earlier,
            known_uids,
        } => Meaning::Vanished(of_set(known_uids)?.to_string(), *earlier),
        Data::List {
            items,
            delimiter,
            mailbox,
        } => {
            let selectable = !items.iter().any(|item| {
                matches!(item, FlagNameAttribute::Noselect)
                    || item.to_string().eq_ignore_ascii_case("\\NonExistent")
            });
            let delimiter = delimiter.as_ref().map(|octet| octet.inner() as u8);
            Meaning::List(wire(mailbox), delimiter, selectable)
        }
        Data::Status { mailbox, items } => {
            let mut values = [None; 4];
            for item in items.iter() {
                match item {
                    StatusDataItem::Messages(value) => values[0] = Some(u64::from(*value)),
                    StatusDataItem::UidNext(value) => values[1] = Some(u64::from(value.get())),
                    StatusDataItem::UidValidity(value) => values[2] = Some(u64::from(value.get())),
                    StatusDataItem::HighestModSeq(value) => {
                        values[3] = Some(*value).filter(|value| *value > 0)
                    }
                    _ => {}
                }
            }
            Meaning::Stated(wire(mailbox), values)
        }
        Data::Fetch { seq, items } => Meaning::Fetch(of_fetch(seq.get(), items.as_ref())),
        _ => return None,
    })
}

fn wire(mailbox: &Mailbox) -> Vec<u8> {
    match mailbox {
        Mailbox::Inbox => b"INBOX".to_vec(),
        Mailbox::Other(other) => other.as_ref().to_vec(),
    }
}

fn of_fetch(seq: u32, items: &[MessageDataItem]) -> Fetched {
    let mut fetched = Fetched {
        seq,
        ..Fetched::default()
    };
    for item in items {
        match item {
            MessageDataItem::Uid(uid) => fetched.uid = Some(uid.get()),
            MessageDataItem::Flags(flags) => fetched.flags = Some(of_flags(flags)),
            MessageDataItem::ModSeq(modseq) => fetched.modseq = Some(modseq.get()),
            MessageDataItem::Rfc822Size(size) => fetched.size = Some(u64::from(*size)),
            MessageDataItem::InternalDate(date) => fetched.date = Some(date.as_ref().timestamp()),
            MessageDataItem::BodyExt { data, .. } => fetched.body = Some(octets(data)),
            _ => {}
        }
    }
    fetched
}

fn of_flags(flags: &[FlagFetch]) -> String {
    // The same word in two spellings is one flag; the first spelling stays.
    let mut seen = BTreeMap::new();
    let mut ours = Flags::new();
    for flag in flags {
        let text = match flag {
            FlagFetch::Flag(flag) => flag.to_string(),
            FlagFetch::Recent => continue,
        };
        if seen.insert(text.to_ascii_lowercase(), ()).is_none() {
            ours.insert_wire(&text);
        }
    }
    ours.to_string()
}

fn octets(data: &NString) -> Option<Vec<u8>> {
    data.0.as_ref().map(|text| text.as_ref().to_vec())
}
