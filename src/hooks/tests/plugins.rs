//! The plugins that are shipped, each on mail that it is for.

mod options;
mod spam;
mod trouble;

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::mail::Flag;

/// A plugin with options (TOML) and all that it may be granted.
async fn plugin(name: &str, options: &str, shelf: Option<Box<dyn Shelf>>, dry: bool) -> Host {
    let spec = Spec {
        options: options.parse().unwrap(),
        grants: Grants::all(),
        dry,
        ..Spec::new(Script::Plugin(name.to_owned()), "work")
    };
    Host::start(spec, shelf)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn told(host: &mut Host, occasions: &[Occasion]) -> Reply {
    let reply = host.tell(occasions, false).await;
    assert_eq!(reply.failures, []);
    reply
}

fn synced(mailbox: &str) -> Occasion {
    Occasion::MailboxSynced {
        mailbox: MailboxName::parse(mailbox).unwrap(),
        changed: vec!["/mail/INBOX/new/1".into()],
        new: 1,
        gone: 0,
    }
}

fn shown(subject: Subject) -> Notification {
    Notification {
        mailbox: Some(subject.mailbox.clone()),
        title: "Somebody".to_owned(),
        body: "Something".to_owned(),
        urgency: Urgency::Normal,
        copy: None,
        messages: vec![subject],
    }
}

#[test]
fn the_configuration_knows_them_all() {
    let shipped: Vec<_> = shipped_names().collect();
    assert_eq!(shipped, crate::config::PLUGINS);
    for name in shipped {
        let text = super::shipped(name).unwrap();
        assert!(text.starts_with(&format!("-- {name}: ")), "{name}");
        assert!(text.contains("-- Options:"), "{name}");
    }
}

#[tokio::test]
async fn list_filter_sorts_lists_and_trusts_no_name() {
    let maildir = Maildir::new();
    let of = |number, id: &str| {
        let text = format!("List-Id: <{id}>\nSubject: x\n\n");
        arrived(maildir.put("INBOX", number, Flags::new(), &text))
    };
    let mut host = plugin(
        "list-filter",
        "lists = { \"A.example.org\" = \"Work/A\" }",
        None,
        false,
    )
    .await;
    let elsewhere = arrived(maildir.put("Old", 4, Flags::new(), MAIL));
    let plain = arrived(maildir.put("INBOX", 5, Flags::new(), "Subject: x\n\n"));
    let batch = [
        of(1, "a.example.org"),
        of(2, "dev.example.org"),
        of(3, "../x/y.org"),
        elsewhere,
        plain,
    ];
    let reply = told(&mut host, &batch).await;
    assert_eq!(acts(&reply)[..2], [(1, to("Work/A")), (2, to("Lists/dev"))]);
    assert_eq!(reply.wanted.len(), 3);
    let mut host = plugin("list-filter", "only = true", None, false).await;
    assert_eq!(told(&mut host, &batch).await.wanted, []);
}

#[tokio::test]
async fn rules_are_met_in_their_order() {
    let maildir = Maildir::new();
    let rules = "rules = [\n{ subject = \"HELLO\", flag = \"Work\", stop = false },\n{ from = \"joerg@\", header = { X-Spam = \"yes\" }, unread = true, move = \"Friends\" },\n{ move = \"Rest\" },\n{ delete = true } ]";
    let mut host = plugin("rules", rules, None, false).await;
    let batch = [
        arrived(maildir.put("INBOX", 1, Flags::new(), MAIL)),
        arrived(maildir.put("INBOX", 2, Flags::new().with(Flag::Seen), MAIL)),
        arrived(maildir.put("INBOX", 3, Flags::new(), "Subject: other\n\n")),
        arrived(maildir.put("Lists", 4, Flags::new(), MAIL)),
    ];
    let reply = told(&mut host, &batch).await;
    let moves: Vec<_> = acts(&reply)
        .into_iter()
        .filter(|(_, act)| matches!(act, Act::MoveTo(_)))
        .collect();
    assert_eq!(
        moves,
        [(1, to("Friends")), (2, to("Rest")), (3, to("Rest"))]
    );
    assert_eq!(reply.wanted.len(), 5);
    for (bad, why) in [
        ("", "the option `rules` is missing"),
        (
            "rules = [{ form = \"x\" }]",
            "rule 1: there is no key `form`",
        ),
        (
            "rules = [{ move = \"A\" }, { from = 7 }]",
            "rule 2: `from` is no text",
        ),
        (
            "rules = [{ header = { X-Spam = true } }]",
            "rule 1: `header.X-Spam` is no text",
        ),
        (
            "rules = [{ header = \"X-Spam\" }]",
            "rule 1: `header` is no table",
        ),
    ] {
        let mut spec = Spec::new(Script::Plugin("rules".to_owned()), "work");
        spec.options = bad.parse().unwrap();
        let Err(error) = Host::start(spec, None).await else {
            panic!("{bad}");
        };
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn a_rule_is_met_when_all_it_names_is_met() {
    let mail = "To: Alice <alice@example.com>\nCc: Team@Example.com\nFrom: x@example.net\n\
        List-Id: <Dev.example.org>\nSubject: Hello you\n\n";
    for (rule, is_met) in [
        ("to = \"ALICE@\"", true),
        ("to = \"team@\"", true),
        ("to = \"bob\"", false),
        ("list_id = \"DEV.example.org\"", true),
        ("list_id = \"example.org\"", false),
        ("larger = 10", true),
        ("larger = 10000", false),
        (
            "subject = \"hello\", from = \"@example.net\", to = \"alice\"",
            true,
        ),
        ("subject = \"hello\", from = \"@example.com\"", false),
        ("subject = \"h.llo\"", false),
        ("mailbox = \"inbox\"", true),
        ("mailbox = \"Other\"", false),
        ("header = { subject = \"YOU\", cc = \"team\" }", true),
        ("header = { subject = \"you\", x-none = \"\" }", false),
        ("unread = false", false),
    ] {
        let maildir = Maildir::new();
        let rules = format!("rules = [{{ {rule}, flag = \"flagged\" }}]");
        let mut host = plugin("rules", &rules, None, false).await;
        let batch = [arrived(maildir.put("INBOX", 1, Flags::new(), mail))];
        let reply = told(&mut host, &batch).await;
        assert_eq!(reply.wanted.len(), usize::from(is_met), "{rule}");
    }
}

#[tokio::test]
async fn notmuch_is_told_once_per_batch_and_tags_by_mailbox() {
    let maildir = Maildir::new();
    let mut host = plugin("notmuch", "tags = { INBOX = \"+new -old\" }", None, true).await;
    let evil = "Message-ID: <a\" or tag:x>\n\n";
    let batch = [
        arrived(maildir.put("INBOX", 1, Flags::new(), MAIL)),
        arrived(maildir.put("INBOX", 2, Flags::new(), evil)),
        synced("INBOX"),
        synced("Other"),
    ];
    let reply = told(&mut host, &batch).await;
    assert_eq!(reply.programs[0], ["notmuch", "new"]);
    assert_eq!(
        reply.programs[1][..5],
        ["notmuch", "tag", "+new", "-old", "--"]
    );
    assert_eq!(
        reply.programs[1][5],
        "id:\"1@example.org\" or id:\"a\"\" or tag:x\""
    );
    assert_eq!(reply.programs[2..], [["notmuch", "new"]]);
}

#[tokio::test]
async fn mu_indexes_by_command_or_through_emacs() {
    let mut host = plugin("mu", "", None, true).await;
    let reply = told(&mut host, &[synced("INBOX")]).await;
    assert_eq!(reply.programs, [["mu", "index", "--quiet", "--lazy-check"]]);
    let mut host = plugin("mu", "emacs = true", None, true).await;
    assert_eq!(
        told(&mut host, &[synced("INBOX")]).await.programs[0][0],
        "emacsclient"
    );
    let mut host = plugin("mu", "command = \"/nonexistent/mu\"", None, false).await;
    let failed = host.tell(&[synced("INBOX")], false).await;
    assert!(
        failed.failures[0]
            .text
            .contains("/nonexistent/mu cannot be run"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn vip_raises_some_and_can_silence_the_rest() {
    let maildir = Maildir::new();
    let mail = maildir.put("INBOX", 1, Flags::new(), MAIL);
    let other = maildir.put("INBOX", 2, Flags::new(), "From: x@notexample.org\n\n");
    let mut host = plugin(
        "vip",
        "people = [\"@Example.org\"]\nonly = true\nflag = true",
        None,
        false,
    )
    .await;
    let (after, _) = host.notification(shown(mail.clone())).await;
    assert_eq!(after.unwrap().urgency, Urgency::Critical);
    assert_eq!(host.notification(shown(other.clone())).await.0, None);
    let reply = told(&mut host, &[arrived(mail), arrived(other)]).await;
    assert_eq!(
        acts(&reply),
        [(1, Act::AddFlags(Flags::new().with(Flag::Flagged)))]
    );
}

#[tokio::test]
async fn quiet_hours_are_quiet_with_exceptions() {
    let maildir = Maildir::new();
    let mail = maildir.put("INBOX", 1, Flags::new(), MAIL);
    for (options, silent) in [
        ("from = \"00:00\"\nto = \"24:00\"", true),
        ("from = \"00:00\"\nto = \"00:00\"", false),
        (
            "from = \"00:00\"\nto = \"24:00\"\nexcept = [\"Joerg@example.org\"]",
            false,
        ),
    ] {
        let mut host = plugin("quiet-hours", options, None, false).await;
        let (after, reply) = host.notification(shown(mail.clone())).await;
        assert_eq!(reply.failures, [], "{options}");
        assert_eq!(after.is_none(), silent, "{options}");
    }
}

#[tokio::test]
async fn autoarchive_moves_what_is_old_and_read() {
    let maildir = Maildir::new();
    let seen = Flags::new().with(Flag::Seen);
    let mut all = vec![
        maildir.put("INBOX", 1, seen.clone(), MAIL),
        maildir.put("INBOX", 2, Flags::new(), MAIL),
        maildir.put("INBOX", 3, seen.clone().with(Flag::Flagged), MAIL),
        maildir.put("INBOX", 4, seen.clone(), MAIL),
        maildir.put("Other", 5, seen, MAIL),
    ];
    all[3].date = jiff::Timestamp::now().as_second();
    let mut host = plugin("autoarchive", "", Some(Box::new(Shelved::new(all))), false).await;
    let reply = told(&mut host, &[SYNCED]).await;
    assert_eq!(acts(&reply), [(1, to("Archive/2023"))]);
    assert_eq!(told(&mut host, &[SYNCED]).await.wanted, []);
    assert!(host.next_timer().is_some());
}

#[tokio::test]
async fn attachments_are_saved_under_harmless_names_and_never_over_a_file() {
    let maildir = Maildir::new();
    let target = tempfile::tempdir().unwrap();
    let folder = target.path().join("saved");
    let mail = "From: a@example.org\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x\n\
        Content-Type: application/pdf; name=\"../../.evil name.PDF\"\nContent-Disposition: attachment\n\
        Content-Transfer-Encoding: base64\n\naGVsbG8=\n--x\nContent-Type: image/png; name=a.png\n\
        Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--x--\n";
    let options = format!(
        "directory = \"{}\"\ntypes = [\"application/*\"]",
        folder.display()
    );
    let mut host = plugin("attachments", &options, None, false).await;
    let new = arrived(maildir.put("INBOX", 1, Flags::new(), mail));
    told(&mut host, std::slice::from_ref(&new)).await;
    told(&mut host, &[new]).await;
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["evil_name-1.pdf", "evil_name.pdf"]);
    assert_eq!(
        std::fs::read(folder.join("evil_name.pdf")).unwrap(),
        b"hello"
    );
    assert_eq!(
        folder.metadata().unwrap().permissions().mode() & 0o777,
        0o777 & !umask()
    );
}

/// The umask, as a new directory shows it.
fn umask() -> u32 {
    let parent = tempfile::tempdir().unwrap();
    let probe = parent.path().join("probe");
    std::fs::create_dir(&probe).unwrap();
    0o777 & !probe.metadata().unwrap().permissions().mode()
}

#[tokio::test]
async fn a_one_time_code_is_found_where_one_is_spoken_of() {
    let maildir = Maildir::new();
    let mut host = plugin("otp", "", None, false).await;
    for (number, (text, code)) in [
        (
            "Subject: Login\n\nYour verification code is:\n\n  482 913\n\nDo not share it.\n",
            Some("482913"),
        ),
        ("Subject: 4711 is your code\n\nx\n", Some("4711")),
        ("Subject: PIN\n\nUse 123-456 to sign in.\n", Some("123456")),
        (
            "Subject: Invoice 2026\n\nPay 12345 until 2026-11-30.\n",
            None,
        ),
        ("Subject: code review\n\nThe year 2026 was good.\n", None),
    ]
    .into_iter()
    .enumerate()
    {
        let mail = maildir.put("INBOX", number as u64, Flags::new(), text);
        let (after, reply) = host.notification(shown(mail)).await;
        assert_eq!(reply.failures, [], "{text}");
        let after = after.unwrap();
        assert_eq!(after.copy.as_deref(), code, "{text}");
        assert!(
            after.body.starts_with(code.unwrap_or("Something")),
            "{text}"
        );
    }
}
