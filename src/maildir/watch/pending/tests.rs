use super::*;

fn inbox() -> MailboxName {
    MailboxName::inbox()
}

fn pending(layout: Layout) -> Pending {
    let mut pending = Pending::new(PathBuf::from("/m"), layout);
    let own = (layout == Layout::MaildirPlusPlus).then(inbox);
    pending.dirs.insert("/m".into(), Role::Tree(own));
    let folder = match layout {
        Layout::Nested => "/m/INBOX",
        Layout::MaildirPlusPlus => "/m",
    };
    pending
        .dirs
        .insert(folder.into(), Role::Tree(Some(inbox())));
    for part in ["cur", "new"] {
        let path = Path::new(folder).join(part);
        pending.dirs.insert(path, Role::Files(inbox()));
    }
    pending
}

/// What comes of one event: hints for INBOX, for the mailboxes, and directories to look at.
fn told(layout: Layout, act: Act, path: &str) -> (bool, bool, bool) {
    let mut pending = pending(layout);
    let news = pending.note(act, Path::new(path));
    let all = (
        pending.names.contains(&inbox()),
        pending.mailboxes,
        !pending.work.is_empty(),
    );
    assert_eq!(news, all.0 || all.1 || all.2, "{path}");
    assert!(!pending.note(act, Path::new(path)), "news twice: {path}");
    all
}

const FILE: Act = Act::Came(Thing::File);
const MOVED: Act = Act::Came(Thing::Either);
const MADE: Act = Act::Came(Thing::Directory);
const GONE: Act = Act::Went(Thing::File);

#[test]
fn files_hint_at_their_mailbox_and_hidden_ones_do_not() {
    let nested = |act, path| told(Layout::Nested, act, path);
    for act in [FILE, MOVED, GONE, Act::Written] {
        assert_eq!(nested(act, "/m/INBOX/new/1.a"), (true, false, false));
        assert_eq!(nested(act, "/m/INBOX/cur/.x"), (false, false, false));
    }
    let keywords = "/m/INBOX/dovecot-keywords";
    assert_eq!(nested(MOVED, keywords), (true, false, false));
    assert_eq!(nested(Act::Written, keywords), (true, false, false));
}

#[test]
fn directories_are_looked_at_and_files_among_them_are_not() {
    let nested = |act, path| told(Layout::Nested, act, path);
    let plus = |act, path| told(Layout::MaildirPlusPlus, act, path);
    let look = (false, false, true);
    let nothing = (false, false, false);
    assert_eq!(nested(MADE, "/m/Archive"), look);
    assert_eq!(nested(MOVED, "/m/INBOX/cur"), look);
    assert_eq!(nested(Act::Went(Thing::Directory), "/m"), look);
    assert_eq!(nested(FILE, "/m/dovecot-uidlist"), nothing);
    assert_eq!(nested(Act::Written, "/m/INBOX/dovecot.index.log"), nothing);
    for path in ["/m/.mailferry-trash", "/m/.x", "/m/lost+found", "/other/x"] {
        assert_eq!(nested(MADE, path), nothing, "{path}");
    }
    assert_eq!(plus(MADE, "/m/.Archive"), look);
    assert_eq!(plus(MADE, "/m/Archive"), nothing);
    assert_eq!(plus(GONE, "/m/cur/1.a:2,S"), (true, false, false));
}

#[test]
fn a_marker_counts_only_when_it_is_taken_away() {
    let nested = |act, path| told(Layout::Nested, act, path);
    assert_eq!(nested(MOVED, "/m/.mailferry"), (false, false, false));
    assert_eq!(
        nested(FILE, "/m/INBOX/.mailferry.0f"),
        (false, false, false)
    );
    assert_eq!(nested(GONE, "/m/INBOX/.mailferry"), (false, true, false));
}

#[test]
fn many_directories_are_all_of_them_and_inner_ones_go_with_outer_ones() {
    let mut pending = pending(Layout::Nested);
    for path in ["/m/a/cur", "/m/a", "/m/ab"] {
        pending.look(Path::new(path));
    }
    let looks = std::mem::take(&mut pending.work);
    assert_eq!(looks.looks(), [Path::new("/m/a"), Path::new("/m/ab")]);
    for number in 0..10_000 {
        pending.note(MADE, Path::new(&format!("/m/{number}")));
    }
    assert!(pending.work.reset && pending.work.looks.is_empty());
}
