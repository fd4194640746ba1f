//! Options of plugins, those that nobody uses most of the time included.

use super::*;

#[tokio::test]
async fn list_filter_can_do_without_a_folder_and_look_elsewhere() {
    let maildir = Maildir::new();
    let of = |mailbox: &str, number| {
        let text = "List-Id: <dev.example.org>\n\n";
        arrived(maildir.put(mailbox, number, Flags::new(), text))
    };
    let options = "folder = \"\"\nfrom = [\"inbox\", \"Inbound\"]";
    let mut host = plugin("list-filter", options, None, false).await;
    let batch = [of("INBOX", 1), of("Inbound", 2), of("Other", 3)];
    let reply = told(&mut host, &batch).await;
    assert_eq!(acts(&reply), [(1, to("dev")), (2, to("dev"))]);
}

#[tokio::test]
async fn rules_know_inbox_in_any_case() {
    let maildir = Maildir::new();
    let rules = "rules = [{ mailbox = \"Inbox\", move = \"A\" }, { mailbox = \"inbox/Sub\", move = \"B\" }]";
    let mut host = plugin("rules", rules, None, false).await;
    let batch = [
        arrived(maildir.put("INBOX", 1, Flags::new(), MAIL)),
        arrived(maildir.put("INBOX/Sub", 2, Flags::new(), MAIL)),
    ];
    let reply = told(&mut host, &batch).await;
    assert_eq!(acts(&reply), [(1, to("A")), (2, to("B"))]);
}

/// A time of the day, this many minutes from now.
fn time(minutes: i64) -> String {
    let now = jiff::Zoned::now().time();
    let minute = i64::from(now.hour()) * 60 + i64::from(now.minute()) + minutes;
    let minute = minute.rem_euclid(24 * 60);
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Midnight is in one of the two spans, whenever this runs.
#[tokio::test]
async fn quiet_hours_may_pass_midnight_and_take_in_weekends() {
    let maildir = Maildir::new();
    let mail = maildir.put("INBOX", 1, Flags::new(), MAIL);
    let weekend = jiff::Zoned::now().weekday().to_monday_one_offset() >= 6;
    for (options, silent) in [
        (
            format!("from = \"{}\"\nto = \"{}\"", time(-10), time(10)),
            true,
        ),
        (
            format!("from = \"{}\"\nto = \"{}\"", time(10), time(-10)),
            false,
        ),
        (
            "from = \"00:00\"\nto = \"00:00\"\nweekends = true".to_owned(),
            weekend,
        ),
    ] {
        let mut host = plugin("quiet-hours", &options, None, false).await;
        let (after, _) = host.notification(shown(mail.clone())).await;
        assert_eq!(after.is_none(), silent, "{options}");
    }
    for bad in ["from = \"25:00\"", "to = \"7\"", "to = \"07:60\""] {
        let mut spec = Spec::new(Script::Plugin("quiet-hours".to_owned()), "work");
        spec.options = bad.parse().unwrap();
        assert!(Host::start(spec, None).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn autoarchive_moves_so_many_at_a_time_to_where_it_is_told() {
    let maildir = Maildir::new();
    let seen = Flags::new().with(Flag::Seen);
    let all = (1..=5).map(|number| maildir.put("INBOX", number, seen.clone(), MAIL));
    let options = "mailboxes = [\"inbox\"]\narchive = \"Old/%Y/Mail\"\nmost = 2\nevery = \"2s\"\nage = \"1d\"";
    let shelf = Box::new(Shelved::new(all));
    let mut host = plugin("autoarchive", options, Some(shelf), false).await;
    let due = host.next_timer().unwrap();
    let wait = due.saturating_duration_since(std::time::Instant::now());
    assert!(wait <= std::time::Duration::from_secs(2), "{wait:?}");
    let reply = told(&mut host, &[SYNCED]).await;
    assert_eq!(
        acts(&reply),
        [(1, to("Old/2023/Mail")), (2, to("Old/2023/Mail"))]
    );
    assert_eq!(reply.log, ["archives 2 of 5 old messages"]);
    tokio::time::sleep(wait).await;
    assert_eq!(host.tick().await.wanted.len(), 2, "the timer does the same");
}

#[tokio::test]
async fn attachments_are_saved_only_of_some_and_up_to_a_size() {
    let maildir = Maildir::new();
    let mail = |from: &str, name: &str, content: &str| {
        format!(
            "From: {from}\nContent-Type: application/pdf; name={name}\nContent-Disposition: attachment\n\n{content}\n"
        )
    };
    let target = tempfile::tempdir().unwrap();
    let options = format!(
        "directory = \"{}\"\nfrom = [\"A@Example.org\"]\nmailboxes = [\"inbox\", \"Bills\"]\n\
         largest = 20\ntypes = [\"Application/PDF\"]",
        target.path().display()
    );
    let mut host = plugin("attachments", &options, None, false).await;
    let put = |mailbox: &str, number, text: String| {
        arrived(maildir.put(mailbox, number, Flags::new(), &text))
    };
    let batch = [
        put("INBOX", 1, mail("a@example.org", "one.pdf", "x")),
        put("Bills", 2, mail("a@example.org", "two.pdf", "x")),
        put("Other", 3, mail("a@example.org", "three.pdf", "x")),
        put("INBOX", 4, mail("b@example.org", "four.pdf", "x")),
        put(
            "INBOX",
            5,
            mail("a@example.org", "five.pdf", &"x".repeat(50)),
        ),
    ];
    told(&mut host, &batch).await;
    let names = std::fs::read_dir(target.path()).unwrap();
    let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["one.pdf", "two.pdf"]);
}

#[tokio::test]
async fn words_of_codes_may_be_written_in_capitals() {
    let maildir = Maildir::new();
    let options = "words = [\"Losung\"]\nfrom = [\"@EXAMPLE.org\"]";
    let mut host = plugin("otp", options, None, false).await;
    for (number, from, code) in [
        (1, "a@example.org", Some("482913")),
        (2, "a@evil.org", None),
    ] {
        let text = format!("From: {from}\nSubject: x\n\nIhre LOSUNG: 482913\n");
        let mail = maildir.put("INBOX", number, Flags::new(), &text);
        let (after, _) = host.notification(shown(mail)).await;
        assert_eq!(after.unwrap().copy.as_deref(), code, "{from}");
    }
}

#[tokio::test]
async fn command_runs_what_each_kind_of_batch_asks_for() {
    let options = "new = [\"notify\", \"{mailbox}\"]\ndeleted = [\"clean\"]\nmailboxes = [\"inbox\", \"100%\"]";
    let mut host = plugin("command", options, None, true).await;
    let gone = Occasion::MailboxSynced {
        mailbox: MailboxName::parse("100%").unwrap(),
        changed: Vec::new(),
        new: 2,
        gone: 1,
    };
    let reply = told(&mut host, &[synced("INBOX"), synced("Lists"), gone]).await;
    let programs: Vec<String> = reply.programs.iter().map(|argv| argv.join(" ")).collect();
    assert_eq!(programs, ["notify INBOX", "notify 100%", "clean"]);
    for wrong in ["", "new = []", "new = \"notify\""] {
        let spec = Spec {
            options: wrong.parse().unwrap(),
            grants: Grants::all(),
            ..Spec::new(Script::Plugin("command".to_owned()), "work")
        };
        assert!(Host::start(spec, None).await.is_err(), "{wrong}");
    }
}
