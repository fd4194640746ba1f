use super::*;
use crate::mail::Flag;

use crate::maildir::{FollowLinks, Layout, MaildirAccount, Settings};

/// A Maildir below a home of its own.
struct Place {
    home: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let place = Self { home };
        for folder in ["INBOX", "Lists/Dev"] {
            for part in ["cur", "new", "tmp"] {
                std::fs::create_dir_all(place.path(&format!("Mail/{folder}/{part}"))).unwrap();
            }
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// `UIDVALIDITY FILE UID FLAGS`, in order.
    fn notes(&self, name: &str, files: &[&str]) -> Vec<String> {
        let account = MaildirAccount::open(Settings {
            root: self.path("Mail"),
            layout: Layout::Nested,
            names: crate::mail::FolderNames::default(),
            host: "test".to_owned(),
            follow: FollowLinks::default(),
            notes: NotePlaces::of(Some(self.home.path()), None, None),
        });
        let ids: Vec<LocalId> = files
            .iter()
            .map(|it| LocalId::new(it.as_bytes()).unwrap())
            .collect();
        let claims = account
            .unwrap()
            .core
            .notes(&MailboxName::parse(name).unwrap(), &ids)
            .unwrap();
        let shown = claims.into_iter().flat_map(|claims| {
            let uidvalidity = claims.uidvalidity.get();
            claims.files.into_iter().map(move |(file, claim)| {
                let flags = claim
                    .flags
                    .map_or_else(|| "?".to_owned(), |flags| flags.to_string());
                format!("{uidvalidity} {file} {} {flags}", claim.uid)
            })
        });
        shown.collect()
    }
}

fn state(far: u32, near: u32, rows: &str) -> String {
    format!("FarUidValidity {far}\nNearUidValidity {near}\nMaxPulledUid 9\n\n{rows}")
}

#[test]
fn a_state_in_the_folder_says_which_file_is_which_message() {
    let place = Place::new();
    place.write("Mail/INBOX/.uidvalidity", "70\n3\n");
    place.write(
        "Mail/INBOX/.mbsyncstate",
        state(5, 70, "11 1 S\n12 2 \n13 3 F\n"),
    );
    let files = ["a,U=1", "b,U=2", "c,U=3", "copy,U=3", "d", "e,U=9"];
    assert_eq!(
        place.notes("INBOX", &files),
        ["5 a,U=1 11 \\Seen", "5 b,U=2 12 "]
    );
    // The Maildir may be the far side, too.
    place.write("Mail/INBOX/.mbsyncstate", state(70, 5, "1 11 S\n"));
    assert_eq!(place.notes("INBOX", &files), ["5 a,U=1 11 \\Seen"]);
}

#[test]
fn a_state_of_another_folder_says_nothing() {
    let place = Place::new();
    place.write("Mail/INBOX/.uidvalidity", "70\n3\n");
    place.write("Mail/INBOX/.mbsyncstate", state(5, 71, "11 1 S\n"));
    assert!(place.notes("INBOX", &["a,U=1"]).is_empty());
}

#[test]
fn states_elsewhere_are_found_by_uidvalidity_and_by_name() {
    let place = Place::new();
    place.write("Mail/INBOX/.uidvalidity", "70\n3\n");
    place.write("Mail/Lists/Dev/.uidvalidity", "70\n3\n");
    place.write(".mbsync/:far:INBOX_:near:INBOX", state(5, 70, "11 1 \n"));
    place.write(
        ".mbsync/:far:Lists!Dev_:near:Lists!Dev",
        state(6, 70, "21 1 \n"),
    );
    place.write(".mbsync/:far:Lists!Dev_:near:Lists!Dev.lock", "");
    assert_eq!(place.notes("INBOX", &["a,U=1"]), ["5 a,U=1 11 "]);
    assert_eq!(place.notes("Lists/Dev", &["a,U=1"]), ["6 a,U=1 21 "]);
    // Called otherwise: the server's UIDVALIDITY tells which is meant.
    place.write("Mail/INBOX/.uidvalidity", "80\n3\n");
    place.write(".mbsync/:far:a_:near:b", state(7, 80, "31 1 \n"));
    assert_eq!(place.notes("INBOX", &["a,U=1"]), ["7 a,U=1 31 "]);
}

#[test]
fn the_configuration_of_mbsync_says_where_states_are() {
    let place = Place::new();
    place.write(
        ".mbsyncrc",
        "Channel c\nSyncState \"~/states/c-\"\nFar :far:\n\nSyncState *\nSyncState rel\n",
    );
    place.write(".config/isyncrc", "  syncstate /nowhere/\n");
    place.write("Mail/INBOX/.uidvalidity", "70\n3\n");
    place.write("states/c-INBOX", state(5, 70, "11 1 \n"));
    place.write("states/d-INBOX", state(6, 70, "12 1 \n"));
    assert_eq!(place.notes("INBOX", &["a,U=1"]), ["5 a,U=1 11 "]);
}

#[test]
fn a_uid_map_says_it_where_names_do_not() {
    let place = Place::new();
    let map = include_bytes!("../../../tests/fixtures/isyncuidmap.db");
    place.write("Mail/INBOX/.isyncuidmap.db", map);
    place.write(
        "Mail/INBOX/.mbsyncstate",
        state(5, 1_796_127_318, "101 29 S\n102 30 \n"),
    );
    let files = ["1796127318.19488_29.vm", "1796127318.19488_30.other"];
    let expected = ["5 1796127318.19488_29.vm 101 \\Seen"];
    assert_eq!(place.notes("INBOX", &files), expected);
}

const MAGIC: &str = "OFFLINEIMAP LocalStatus CACHE DATA - DO NOT MODIFY - FORMAT 2";

#[test]
fn offlineimap_has_uids_in_names_and_flags_in_its_status() {
    let place = Place::new();
    let home = ".offlineimap";
    place.write(
        &format!("{home}/Repository-Remote/FolderValidity/Lists.Dev"),
        "5\n",
    );
    place.write(
        &format!("{home}/Repository-Local/FolderValidity/Lists.Dev"),
        "42\n",
    );
    place.write(
        &format!("{home}/Account-Work/LocalStatus/Lists.Dev"),
        format!("{MAGIC}\n1|S|0|\n2||0|\n"),
    );
    place.write(
        &format!("{home}/Account-Home/LocalStatus/Lists.Dev"),
        format!("{MAGIC}\n2|F|0|\n900|F|0|\n"),
    );
    let files = ["a,U=1,FMD5=aa", "b,U=2,FMD5=aa", "c,U=3", "d,U=4,FMD5=aa"];
    let found = place.notes("Lists/Dev", &files);
    let of_server: Vec<&String> = found.iter().filter(|it| it.starts_with("5 ")).collect();
    let expected = [
        "5 a,U=1,FMD5=aa 1 \\Seen",
        "5 b,U=2,FMD5=aa 2 ",
        "5 d,U=4,FMD5=aa 4 ?",
    ];
    assert_eq!(of_server, expected.iter().collect::<Vec<_>>());
    assert!(
        place.notes("INBOX", &files).is_empty(),
        "no notes of that folder"
    );
    // Two that say as much are told apart by nothing.
    place.write(
        &format!("{home}/Account-Home/LocalStatus/Lists.Dev"),
        format!("{MAGIC}\n1|F|0|\n2||0|\n"),
    );
    assert!(place.notes("Lists/Dev", &files)[0].ends_with('?'));
}

#[test]
fn without_notes_nothing_is_said() {
    let place = Place::new();
    assert!(place.notes("INBOX", &["a,U=1", "b,U=2,FMD5=aa"]).is_empty());
    assert_eq!(Flags::new().with(Flag::Seen), flags_of("S").unwrap());
    assert_eq!(flags_of("Sa"), None);
}
