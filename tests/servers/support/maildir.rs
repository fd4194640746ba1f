//! The other side of the oracle: reads and changes a Maildir the way a mail program does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::oracle::{Digest, Snapshot, count, digest};

static NAMES: AtomicU32 = AtomicU32::new(0);

/// A Maildir in the nested layout.
pub struct Maildir {
    root: PathBuf,
}

impl Maildir {
    /// At this place, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every folder, by mailbox name. Dot directories are not mail.
    pub fn folders(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.root, "", &mut found);
        found.sort();
        found
    }

    /// The paths of all messages of a folder.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for part in ["new", "cur"] {
            let Ok(entries) = fs::read_dir(self.root.join(folder).join(part)) else {
                continue;
            };
            files.extend(entries.map(|entry| entry.unwrap().path()));
        }
        files.sort();
        files
    }

    /// What it holds. A file is read as the wire's octets where those are in `wire`, else with LF as CRLF, and without what
    /// mail programs put into it where that is in `wire`.
    pub fn snapshot(&self, wire: &BTreeSet<Digest>) -> Snapshot {
        // A daemon may rename a file between the listing and the reading; all of it is then looked at anew.
        let mut tries = (0..1000).filter_map(|_| self.try_snapshot(wire));
        tries.next().expect("files that stay where they are")
    }

    fn try_snapshot(&self, wire: &BTreeSet<Digest>) -> Option<Snapshot> {
        let mut snapshot = Snapshot::new();
        for folder in self.folders() {
            let mut all = Vec::new();
            for file in self.files(&folder) {
                match fs::read(&file) {
                    Ok(octets) => all.push((content(&octets, wire), flags(&file))),
                    Err(error) if error.kind() == ErrorKind::NotFound => return None,
                    Err(error) => panic!("{}: {error}", file.display()),
                }
            }
            all.sort();
            snapshot.insert(folder, all);
        }
        Some(snapshot)
    }

    /// Everything that changes when a file is written, renamed or replaced.
    pub fn footprint(&self) -> BTreeMap<PathBuf, (u64, u64, i64)> {
        let files = self
            .folders()
            .into_iter()
            .flat_map(|folder| self.files(&folder));
        let seen = |path: &PathBuf| {
            let data = fs::metadata(path).unwrap();
            (
                data.ino(),
                data.size(),
                data.mtime() * 1_000_000_000 + data.mtime_nsec(),
            )
        };
        files.map(|path| (path.clone(), seen(&path))).collect()
    }

    /// Makes a folder as a mail program does.
    pub fn create(&self, folder: &str) {
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(self.root.join(folder).join(part)).unwrap();
        }
    }

    /// Delivers a message given as on the wire, stored with LF; letters as in `FS`, none for `new/`.
    pub fn deliver(&self, folder: &str, letters: &str, wire: &[u8]) -> PathBuf {
        let text = wire.iter().enumerate();
        let text = text.filter(|(at, byte)| !(**byte == b'\r' && wire.get(at + 1) == Some(&b'\n')));
        let octets: Vec<u8> = text.map(|(_, byte)| *byte).collect();
        self.deliver_raw(folder, letters, &octets)
    }

    /// Delivers octets as they are.
    pub fn deliver_raw(&self, folder: &str, letters: &str, octets: &[u8]) -> PathBuf {
        let name = unique_name();
        let base = self.root.join(folder);
        let staged = base.join("tmp").join(&name);
        fs::write(&staged, octets).unwrap();
        let path = match letters {
            "" => base.join("new").join(&name),
            letters => base.join("cur").join(format!("{name}:2,{letters}")),
        };
        fs::rename(&staged, &path).unwrap();
        path
    }

    /// Gives a message these letters; its new path.
    pub fn relabel(&self, file: &Path, letters: &str) -> PathBuf {
        let name = file.file_name().unwrap().to_str().unwrap();
        let unique = name.split(":2,").next().unwrap();
        let folder = file.parent().unwrap().parent().unwrap();
        let to = folder.join("cur").join(format!("{unique}:2,{letters}"));
        fs::rename(file, &to).unwrap();
        to
    }

    /// Moves a message to another folder, name and all, or under a new name as mutt does.
    pub fn rehome(&self, file: &Path, folder: &str, new_name: bool) -> PathBuf {
        let to = self.place(file, folder, new_name);
        fs::rename(file, &to).unwrap();
        to
    }

    /// Copies a message to another folder under a new name.
    pub fn copy(&self, file: &Path, folder: &str) -> PathBuf {
        let to = self.place(file, folder, true);
        fs::copy(file, &to).unwrap();
        to
    }

    fn place(&self, file: &Path, folder: &str, new_name: bool) -> PathBuf {
        let part = file.parent().unwrap().file_name().unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let name = match name.split_once(":2,") {
            _ if !new_name => name.to_owned(),
            Some((_, letters)) => format!("{}:2,{letters}", unique_name()),
            None => unique_name(),
        };
        self.root.join(folder).join(part).join(name)
    }
}

fn unique_name() -> String {
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    format!("1710238272.M{number}P{}.client", std::process::id())
}

/// The letters of a file's name as flags.
pub fn flags(file: &Path) -> BTreeSet<String> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let letters = name.split_once(":2,").map_or("", |(_, letters)| letters);
    let known = |letter| match letter {
        'D' => Some("\\draft"),
        'F' => Some("\\flagged"),
        'P' => Some("$forwarded"),
        'R' => Some("\\answered"),
        'S' => Some("\\seen"),
        'T' => Some("\\deleted"),
        _ => None,
    };
    letters
        .chars()
        .filter_map(known)
        .map(str::to_owned)
        .collect()
}

fn content(octets: &[u8], wire: &BTreeSet<Digest>) -> Digest {
    let verbatim = digest(octets);
    if wire.contains(&verbatim) {
        return verbatim;
    }
    let mut crlf = Vec::with_capacity(octets.len());
    for (at, byte) in octets.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || octets[at - 1] != b'\r') {
            crlf.push(b'\r');
        }
        crlf.push(*byte);
    }
    let bare = digest(&without_notes(&crlf));
    if wire.contains(&bare) {
        return bare;
    }
    digest(&crlf)
}

/// A message without the headers that mutt and mbsync put into their files: those are theirs, the server never sees them.
fn without_notes(wire: &[u8]) -> Vec<u8> {
    let notes: [&[u8]; 5] = [
        b"Content-Length:",
        b"Lines:",
        b"Status:",
        b"X-Status:",
        b"X-TUID:",
    ];
    let mut header = true;
    let lines = wire.split_inclusive(|octet| *octet == b'\n');
    let kept = lines.filter(|line| {
        header &= *line != b"\r\n";
        !(header && notes.iter().any(|note| line.starts_with(note)))
    });
    kept.flatten().copied().collect()
}

fn collect(directory: &Path, name: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    if !name.is_empty() && directory.join("cur").is_dir() {
        found.push(name.to_owned());
    }
    for entry in entries {
        let entry = entry.unwrap();
        let child = entry.file_name().into_string().expect("UTF-8");
        let ours = child.starts_with('.') || ["cur", "new", "tmp"].contains(&child.as_str());
        if ours || !entry.file_type().unwrap().is_dir() {
            continue;
        }
        let below = if name.is_empty() {
            child.clone()
        } else {
            format!("{name}/{child}")
        };
        collect(&entry.path(), &below, found);
    }
}

#[test]
fn the_oracle_reads_what_a_mail_program_writes() {
    let place = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(place.path());
    maildir.create("INBOX");
    maildir.create("Reisen/Zürich");
    maildir.create(".mailferry-trash/2024-01-01/INBOX");
    let wire = b"Subject: x\r\n\r\nbody\r\n";
    let file = maildir.deliver("INBOX", "", wire);
    assert_eq!(fs::read(&file).unwrap(), b"Subject: x\n\nbody\n");
    let file = maildir.relabel(&file, "FS");
    maildir.copy(&file, "Reisen/Zürich");
    maildir.deliver_raw("INBOX", "S", b"mixed\r\nends\n");
    let snapshot = maildir.snapshot(&BTreeSet::from([digest(b"mixed\r\nends\n")]));
    assert_eq!(maildir.folders(), ["INBOX", "Reisen/Zürich"]);
    let flagged: BTreeSet<String> = ["\\flagged".to_owned(), "\\seen".to_owned()].into();
    assert_eq!(snapshot["Reisen/Zürich"], [(digest(wire), flagged.clone())]);
    assert!(
        snapshot["INBOX"].contains(&(digest(b"mixed\r\nends\n"), ["\\seen".to_owned()].into()))
    );
    assert!(snapshot["INBOX"].contains(&(digest(wire), flagged)));
}

#[test]
fn a_file_that_is_renamed_meanwhile_stops_nobody() {
    let place = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(place.path());
    maildir.create("INBOX");
    let mut file = maildir.deliver("INBOX", "S", b"body\r\n");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for letters in ["", "F", "S"].iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                file = maildir.relabel(&file, letters);
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        for _ in 0..200 {
            maildir.snapshot(&BTreeSet::new());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(count(&maildir.snapshot(&BTreeSet::new())), 1);
}
