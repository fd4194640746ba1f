//! What holds for any name and any content: see [`crate::fuzz`].
#![allow(clippy::unwrap_used, reason = "a broken promise has to be loud")]

use std::collections::BTreeSet;

use super::keywords::Keywords;
use super::layout::Layout;
use super::lines::{Survey, ToDisk, expand};
use super::name::{FileName, letters_of};
use crate::mail::{Flags, FolderNames, MailboxName};

const LAYOUTS: [Layout; 2] = [Layout::Nested, Layout::MaildirPlusPlus];

/// Lines are levels, of one name or, behind an empty line, of another.
///
/// A name's directories lead back to it, are nobody else's, and lie below the root. Directories are one name's or
/// nobody's.
pub fn folders(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let halves = text.split_once("\n\n");
    let (one, other) = halves.unwrap_or((&text, ""));
    let name = MailboxName::from_levels(one.split('\n'));
    let other = MailboxName::from_levels(other.split('\n'));
    for layout in LAYOUTS {
        if let Some(name) = &name {
            inside(layout, name, other.as_ref());
        }
        let directories: Vec<String> = text.split('\n').map(str::to_owned).collect();
        if let Some(name) = layout.mailbox(&directories, &FolderNames::default()) {
            assert_eq!(
                layout.path(&name, &FolderNames::default()).unwrap(),
                directories
            );
        }
    }
}

fn inside(layout: Layout, name: &MailboxName, other: Option<&MailboxName>) {
    let Ok(path) = layout.path(name, &FolderNames::default()) else {
        return;
    };
    assert_eq!(
        layout.mailbox(&path, &FolderNames::default()).as_ref(),
        Some(name)
    );
    assert!(!path.is_empty() || name.is_inbox());
    for part in &path {
        assert!(!part.is_empty() && part.len() <= 255, "{part:?}");
        assert!(!part.contains(['/', '\0', '\n', '\u{1b}']), "{part:?}");
        assert!(
            !["cur", "new", "tmp", ".", ".."].contains(&part.as_str()),
            "{part:?}"
        );
        assert!(![".mailferry", ".mailferry-trash"].contains(&part.as_str()));
        match layout {
            Layout::Nested => assert!(!part.starts_with('.'), "{part:?}"),
            Layout::MaildirPlusPlus => assert!(part.starts_with('.'), "{part:?}"),
        }
    }
    if let Some(other) = other
        && other != name
        && let Ok(theirs) = layout.path(other, &FolderNames::default())
    {
        assert_ne!(theirs, path);
    }
}

/// A file name, flags, and the keyword files of two folders, in lines.
///
/// A name shows the flags it was given; what means nothing in it survives.
pub fn files(data: &[u8]) {
    let (bits, rest) = data.split_first().unwrap_or((&0, &[]));
    let mut lines = rest.splitn(3, |byte| *byte == b'\n');
    let file = lines.next().unwrap_or_default();
    let here = Keywords::parse(lines.next().unwrap_or_default());
    let there = Keywords::parse(lines.next().unwrap_or_default());
    let Some(name) = FileName::parse(file) else {
        assert!(file.is_empty() || file.starts_with(b".") || file.starts_with(b":"));
        return;
    };
    let shown = there.scope().lettered;
    let wanted = Flags::from_parts(*bits, shown.into_iter().take(usize::from(bits >> 5)));
    for (new, known) in [
        (name.relabelled(&wanted, &there), &there),
        (name.moved(&wanted, &here, &there), &there),
    ] {
        let again = FileName::parse(&new).unwrap();
        assert_eq!((again.unique, again.trailer), (name.unique, name.trailer));
        assert_eq!(again.flags(known), wanted);
        let sorted: BTreeSet<u8> = again.letters.iter().copied().collect();
        assert!(
            again.letters.iter().eq(&sorted),
            "letters in order and once"
        );
        assert_eq!(again.relabelled(&wanted, known), new);
        assert!(letters_of(&wanted, known).is_subset(&sorted));
    }
    let kept = FileName::parse(file).unwrap().relabelled(&wanted, &there);
    let kept = FileName::parse(&kept).unwrap();
    for letter in name.letters {
        let meant = !b"DFPRST".contains(letter) && there.named(*letter).is_none();
        assert!(!meant || kept.letters.contains(letter), "a letter was lost");
    }
    let same = name.relabelled(&name.flags(&there), &there);
    assert_eq!(
        FileName::parse(&same).unwrap().flags(&there),
        name.flags(&there)
    );
}

/// The first two octets say where the message is cut; the rest is a message, from the wire and from the disk.
///
/// What came from the wire goes back to it octet for octet, and so does what was on the disk.
pub fn lines(data: &[u8]) {
    let (cuts, message) = data.split_at(data.len().min(2));
    let sizes = || cuts.iter().map(|cut| usize::from(cut % 16) + 1).cycle();
    let (disk, raw) = store(cut(message, sizes()));
    assert_eq!(store([message]), (disk.clone(), raw), "split by {cuts:?}");
    assert_eq!(load(&disk, raw), message);
    let mut survey = Survey::default();
    for piece in cut(&disk, sizes()) {
        survey.push(piece);
    }
    assert_eq!(survey.crlf, disk.windows(2).any(|pair| pair == b"\r\n"));
    // `lf` need not be known of what has a CRLF.
    assert!(survey.crlf || survey.lf == disk.contains(&b'\n'));
    assert!(raw || !survey.crlf);
    // The other way round: a file without any CRLF goes up and comes back.
    if !message.windows(2).any(|pair| pair == b"\r\n") {
        let wire = load(message, false);
        assert_eq!(store(cut(&wire, sizes())), (message.to_vec(), false));
    }
}

fn cut(message: &[u8], mut sizes: impl Iterator<Item = usize>) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let size = sizes.next().unwrap_or(usize::MAX);
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What a delivery does with a message, in memory: the file, and whether it is stored as it came.
fn store<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
    let (mut lines, mut disk, mut raw) = (ToDisk::default(), Vec::new(), false);
    for piece in pieces {
        if !raw && lines.push(piece, &mut disk).is_err() {
            raw = true;
            let mut wire = Vec::new();
            expand(&disk, &mut wire);
            wire.extend_from_slice(lines.held());
            disk = wire;
        }
        if raw {
            disk.extend_from_slice(piece);
        }
    }
    if !raw {
        disk.extend_from_slice(lines.held());
    }
    (disk, raw)
}

fn load(disk: &[u8], raw: bool) -> Vec<u8> {
    let mut wire = Vec::new();
    if raw {
        wire.extend_from_slice(disk);
    } else {
        expand(disk, &mut wire);
    }
    wire
}
