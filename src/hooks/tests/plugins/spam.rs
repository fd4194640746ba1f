//! The plugin `spam`, with programs that answer as the filters do.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn moved(subject: &Subject, from: &str, to: &str) -> Occasion {
    let subject = Subject {
        mailbox: MailboxName::parse(to).unwrap(),
        ..subject.clone()
    };
    let from = MailboxName::parse(from).unwrap();
    happened(subject, Happened::Moved { from })
}

/// The same, because a hook wanted it.
fn moved_by_a_hook(subject: &Subject, from: &str, to: &str) -> Occasion {
    let mut occasion = moved(subject, from, to);
    if let Occasion::Message { by_listener, .. } = &mut occasion {
        *by_listener = true;
    }
    occasion
}

fn lessons(reply: &Reply) -> Vec<&str> {
    reply.programs.iter().map(|argv| argv[1].as_str()).collect()
}

#[tokio::test]
async fn spam_goes_to_junk_and_moves_by_hand_teach() {
    let maildir = Maildir::new();
    let mut host = plugin("spam", "from = [\"inbox\"]", None, true).await;
    let one = maildir.put("INBOX", 1, Flags::new(), MAIL);
    let path = one.path.as_ref().unwrap().display().to_string();
    // A dry run says 0, which is bogofilter's word for spam.
    let reply = told(&mut host, &[arrived(one.clone())]).await;
    assert_eq!(acts(&reply), [(1, to("Junk"))]);
    assert_eq!(reply.programs, [["bogofilter", "-B", path.as_str()]]);
    let filed = moved_by_a_hook(&one, "INBOX", "Junk");
    let reply = told(&mut host, &[filed]).await;
    assert_eq!(lessons(&reply), [""; 0], "what hooks do teaches nothing");
    let moves = [
        moved(&one, "INBOX", "Junk"),
        moved(&one, "Archive", "Junk"),
        moved(&one, "Junk", "Trash"),
        moved(&one, "Junk", "INBOX/Deleted Items"),
        moved(&one, "Other", "INBOX"),
        moved(&one, "Junk", "INBOX"),
        moved(&one, "INBOX", "Junk"),
    ];
    let reply = told(&mut host, &moves).await;
    assert_eq!(
        lessons(&reply),
        ["-s", "-Sn", "-Ns"],
        "what was taught wrongly is taken back"
    );
    let good = maildir.put("INBOX", 2, Flags::new(), "Message-ID: <2@x>\n\n");
    let reply = told(&mut host, &[moved(&good, "Junk", "Work")]).await;
    assert_eq!(lessons(&reply), ["-n"]);
}

#[tokio::test]
async fn options_say_what_is_judged_where_it_goes_and_what_is_learned() {
    let maildir = Maildir::new();
    let options = "junk = \"Spam\"\nfrom = [\"INBOX\", \"Lists\"]\nlearn = false\nlargest = 300\ntrash = [\"Away\"]";
    let mut host = plugin("spam", options, None, true).await;
    let long = format!("{MAIL}{}", "x".repeat(300));
    let batch = [
        arrived(maildir.put("Lists", 1, Flags::new(), MAIL)),
        arrived(maildir.put("Other", 2, Flags::new(), MAIL)),
        arrived(maildir.put("INBOX", 3, Flags::new(), &long)),
        moved(
            &maildir.put("INBOX", 4, Flags::new(), MAIL),
            "INBOX",
            "Spam",
        ),
    ];
    let reply = told(&mut host, &batch).await;
    assert_eq!(acts(&reply), [(1, to("Spam"))]);
    assert_eq!(reply.programs.len(), 1);
    let options = options.replace("learn = false", "learn = true");
    let mut host = plugin("spam", &options, None, true).await;
    let one = maildir.put("INBOX", 5, Flags::new(), MAIL);
    let reply = told(&mut host, &[moved(&one, "Spam", "Away")]).await;
    assert_eq!(lessons(&reply), [""; 0]);
    let reply = told(&mut host, &[moved(&one, "Spam", "Trash")]).await;
    assert_eq!(
        lessons(&reply),
        ["-n"],
        "the option is in place of the usual names"
    );
}

/// A directory with a program that runs this script.
fn program(name: &str, script: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    place
}

/// What becomes of a message of which the filter says this.
async fn judged(filter: &str, name: &str, script: &str) -> Reply {
    let (maildir, place) = (Maildir::new(), program(name, script));
    let place = place.path().display();
    let options = format!("filter = \"{filter}\"\nprograms = \"{place}\"\ntimeout = \"1s\"");
    let mut host = plugin("spam", &options, None, false).await;
    let mail = arrived(maildir.put("INBOX", 1, Flags::new(), MAIL));
    told(&mut host, &[mail]).await
}

#[tokio::test]
async fn spamassassin_and_rspamd_are_understood() {
    const RSPAMC: &str = "Results for file: m (0.1 seconds)\n[Metric: default]\nAction: ";
    // The letter is what spamc reads.
    let reads = "grep -q joerg@example.org || exit 9; ";
    for (filter, name, script, junk) in [
        (
            "spamassassin",
            "spamc",
            format!("{reads}echo 7.3/5.0; exit 1"),
            true,
        ),
        (
            "spamassassin",
            "spamc",
            format!("{reads}echo -0.3/5.0; exit 0"),
            false,
        ),
        (
            "rspamd",
            "rspamc",
            format!(
                "[ \"$1\" = symbols ] && [ -f \"$2\" ] && printf '{RSPAMC}reject\\nSpam: true\\n'"
            ),
            true,
        ),
        (
            "rspamd",
            "rspamc",
            format!("printf '{RSPAMC}add header\\n'"),
            true,
        ),
        (
            "rspamd",
            "rspamc",
            format!("printf '{RSPAMC}no action\\n'"),
            false,
        ),
        (
            "rspamd",
            "rspamc",
            format!("printf '{RSPAMC}greylist\\n'"),
            false,
        ),
    ] {
        let reply = judged(filter, name, &script).await;
        let wanted: &[(i64, Act)] = if junk { &[(1, to("Junk"))] } else { &[] };
        assert_eq!(acts(&reply), wanted, "{script}: {reply:?}");
        assert_eq!(reply.log, [""; 0], "{script}");
    }
}

/// Five such mails in a row would set it aside for good.
#[tokio::test]
async fn a_filter_that_is_down_leaves_mail_where_it_is_and_breaks_no_hook() {
    for (filter, name, script, said) in [
        ("spamassassin", "spamc", "echo 0/0; exit 0", "no verdict"),
        (
            "rspamd",
            "rspamc",
            "echo connection refused >&2; exit 1",
            "refused",
        ),
        (
            "bogofilter",
            "bogofilter",
            "echo no database >&2; exit 3",
            "no database",
        ),
        ("rspamd", "rspamc", "exec sleep 30", "took longer"),
    ] {
        let reply = judged(filter, name, script).await;
        assert_eq!(reply.wanted, [], "{script}");
        assert!(reply.log[0].contains(said), "{script}: {reply:?}");
    }
    let mut host = plugin("spam", "programs = \"/nonexistent\"", None, false).await;
    let mail = arrived(Maildir::new().put("INBOX", 1, Flags::new(), MAIL));
    let failed = host.tell(&[mail], false).await;
    assert!(
        failed.failures[0].text.contains("cannot be run"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn the_other_filters_are_taught_by_their_own_words() {
    let maildir = Maildir::new();
    let one = maildir.put("INBOX", 1, Flags::new(), MAIL);
    for (filter, words) in [
        ("spamassassin", ["--spam", "--ham"]),
        ("rspamd", ["learn_spam", "learn_ham"]),
    ] {
        let mut host = plugin("spam", &format!("filter = \"{filter}\""), None, true).await;
        let moves = [moved(&one, "INBOX", "Junk"), moved(&one, "Junk", "INBOX")];
        let reply = told(&mut host, &moves).await;
        assert_eq!(lessons(&reply), words);
    }
}
