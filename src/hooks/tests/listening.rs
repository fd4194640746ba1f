//! Which events reach a script, and what they bring.

use std::time::Duration;

use super::*;
use crate::mail::{Flag, Keyword};

#[tokio::test]
async fn every_event_brings_what_it_says() {
    let maildir = Maildir::new();
    let mut host = start(
        "local function show(event)\n\
           local keys = {} for key in pairs(event) do keys[#keys + 1] = key end table.sort(keys)\n\
           local words = {} for _, key in ipairs(keys) do words[#words + 1] = key .. \"=\" .. tostring(event[key]) end\n\
           print(table.concat(words, \" \"))\nend\n\
         for _, name in ipairs {\"account.synced\", \"account.state\", \"hold\", \"error\"} do mailferry.on(name, show) end\n\
         mailferry.on(\"mailbox.synced\", function(e) print(e.mailbox, e.new, e.gone, #e.changed, e.changed[1]) end)\n\
         mailferry.on(\"message.flags\", function(_, e) print(e.added.seen, e.added.Work, e.removed.flagged) end)\n\
         mailferry.on(\"message.moved\", function(msg, e) print(e.from, msg.mailbox) end)",
    )
    .await;
    let inbox = MailboxName::inbox();
    let work = Keyword::new("Work").unwrap();
    let subject = maildir.put("Lists", 1, Flags::new(), MAIL);
    let occasions = [
        SYNCED,
        Occasion::AccountState {
            state: "in-sync".to_owned(),
        },
        Occasion::Hold {
            id: "3".to_owned(),
            mailbox: inbox.clone(),
            count: 50,
            reason: "many".to_owned(),
        },
        Occasion::Error {
            mailbox: Some(inbox.clone()),
            text: "a\u{1b}b".to_owned(),
        },
        Occasion::MailboxSynced {
            mailbox: inbox.clone(),
            changed: vec!["/a".into()],
            new: 1,
            gone: 2,
        },
        happened(
            subject.clone(),
            Happened::Flags {
                added: Flags::new().with(Flag::Seen).with_keyword(work),
                removed: Flags::new().with(Flag::Flagged),
            },
        ),
        happened(subject, Happened::Moved { from: inbox }),
    ];
    let reply = host.tell(&occasions, false).await;
    assert_eq!(reply.failures, []);
    assert_eq!(
        reply.log,
        [
            "account=work complete=true name=account.synced",
            "account=work name=account.state state=in-sync",
            "account=work count=50 id=3 mailbox=INBOX name=hold reason=many",
            "account=work mailbox=INBOX name=error text=a\\u{1b}b",
            "INBOX 1 2 1 /a",
            "true true true",
            "INBOX Lists",
        ]
    );
}

/// What a handler does not take is not made.
#[tokio::test]
async fn handlers_are_called_with_what_they_take() {
    let maildir = Maildir::new();
    let mut host = start(
        "mailferry.on(\"message.new\", function() print(\"none\") end)\n\
         mailferry.on(\"message.new\", function(msg) print(msg.mailbox) end)\n\
         mailferry.on(\"message.new\", function(msg, event) print(event.name, event.account, event.id, event.side, event.by) end)\n\
         mailferry.on(\"message.new\", function(msg, event, none) print(event.name, none) end)\n\
         mailferry.on(\"message.new\", function(...) print(select(\"#\", ...), select(2, ...).name) end)\n\
         mailferry.on(\"message.new\", select)",
    )
    .await;
    let subject = maildir.put("INBOX", 1, Flags::new(), MAIL);
    let reply = host.tell(&[arrived(subject)], false).await;
    assert_eq!(
        reply.log,
        [
            "none",
            "INBOX",
            "message.new work work/17 remote nil",
            "message.new nil",
            "2 message.new",
        ]
    );
    // It is called with both: the first is no number.
    assert_eq!(reply.failures.len(), 1);
}

#[tokio::test]
async fn of_old_mail_only_those_hear_who_asked() {
    let maildir = Maildir::new();
    let text = "mailferry.on(\"message.new\", function(msg) print(msg.subject) end)\n\
        for _, name in ipairs {\"message.flags\", \"mailbox.synced\"} do mailferry.on(name, print) end";
    let subject = maildir.put("INBOX", 1, Flags::new(), MAIL);
    let synced = Occasion::MailboxSynced {
        mailbox: MailboxName::inbox(),
        changed: Vec::new(),
        new: 1,
        gone: 0,
    };
    let flags = Happened::Flags {
        added: Flags::new().with(Flag::Seen),
        removed: Flags::new(),
    };
    let old = [
        arrived(subject.clone()),
        happened(subject.clone(), flags),
        synced,
    ];
    let new = [arrived(subject)];
    let mut host = start(text).await;
    assert_eq!(host.tell(&old, true).await, Reply::default());
    assert_eq!(host.tell(&new, false).await.log, ["Hello"]);
    let mut spec = script(text);
    spec.old_mail = true;
    let mut host = Host::start(spec, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let told = host.tell(&old, true).await.log;
    assert_eq!((told.len(), told[0].as_str()), (3, "Hello"));
}

#[tokio::test]
async fn timers_run_when_they_are_due() {
    let mut host =
        start("mailferry.every(1, function() print(\"tick\") end) mailferry.every(\"1h\", error)")
            .await;
    assert_eq!(
        host.loaded().timers,
        [Duration::from_secs(1), Duration::from_secs(3600)]
    );
    let due = host.next_timer().unwrap();
    assert_eq!(host.tick().await, Reply::default(), "not due yet");
    tokio::time::sleep_until(due.into()).await;
    assert_eq!(host.tick().await.log, ["tick"]);
    assert!(host.next_timer().unwrap() > due + Duration::from_millis(900));
}

#[tokio::test]
async fn a_file_that_changes_is_loaded_anew_also_when_only_its_timers_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.lua");
    std::fs::write(&path, "mailferry.every(1, function() print(1) end)").unwrap();
    let spec = Spec::new(Script::File(path.clone()), "work");
    let mut hooks = Hooks::start(vec![spec], || None).await;
    let due = hooks.next_timer().unwrap();
    std::fs::write(&path, "mailferry.every(1, function() print(\"two\") end)").unwrap();
    tokio::time::sleep_until(due.into()).await;
    assert_eq!(hooks.tick().await.log, [""; 0]);
    tokio::time::sleep_until(hooks.next_timer().unwrap().into()).await;
    assert_eq!(hooks.tick().await.log, ["two"]);
}

fn shown(maildir: &Maildir) -> Notification {
    Notification {
        mailbox: Some(MailboxName::inbox()),
        title: "J\u{f6}rg".to_owned(),
        body: "Hello".to_owned(),
        urgency: Urgency::Normal,
        copy: None,
        messages: vec![maildir.put("INBOX", 1, Flags::new(), MAIL)],
    }
}

#[tokio::test]
async fn a_notification_can_be_changed_and_silenced() {
    let maildir = Maildir::new();
    let mut hooks = Hooks::start(
        vec![
            script("mailferry.on(\"account.synced\", print)"),
            script(
                "mailferry.on(\"notification\", function(n)\n\
                 n.title = n.messages[1].from_address n.body = nil n.urgency = \"critical\" n.copy = n.mailbox\n\
                 n.messages[1]:add_flags(\"flagged\") end)",
            ),
            script("mailferry.on(\"notification\", function(n) if n.title == \"x\" then n:silence() end end)"),
        ],
        || None,
    )
    .await;
    let before = shown(&maildir);
    let (after, reply) = hooks.notification(before.clone()).await;
    let after = after.unwrap();
    assert_eq!(reply.failures, []);
    assert_eq!(
        (after.title.as_str(), after.body.as_str()),
        ("joerg@example.org", "")
    );
    assert_eq!(
        (after.urgency, after.copy.as_deref()),
        (Urgency::Critical, Some("INBOX"))
    );
    assert_eq!(after.messages, before.messages);
    assert!(matches!(acts(&reply)[..], [(1, Act::AddFlags(_))]));
    let mut silent = start("mailferry.on(\"notification\", function(n) n:silence() end)").await;
    assert_eq!(silent.notification(before).await.0, None);
}

#[tokio::test]
async fn a_hook_that_fails_does_not_take_a_notification_away() {
    let maildir = Maildir::new();
    for body in [
        "n.title = \"x\" error(\"boom\")",
        "n.urgency = \"loud\"",
        "n.silent = true while true do end",
        "string.find((\"a\"):rep(1e4), \".-.-.-.-b$\")",
    ] {
        let mut host = start(&format!(
            "mailferry.on(\"notification\", function(n) {body} end)"
        ))
        .await;
        let (after, reply) = host.notification(shown(&maildir)).await;
        assert_eq!(after, Some(shown(&maildir)), "{body}");
        assert_eq!(reply.failures.len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_file_that_changes_is_loaded_anew_and_a_broken_one_waits_for_its_repair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.lua");
    let version = |number: u32| {
        format!(
            "mailferry.on(\"account.synced\", function() print({number:0>number$}) end)",
            number = number as usize
        )
    };
    std::fs::write(&path, version(1)).unwrap();
    let spec = Spec::new(Script::File(path.clone()), "work");
    let mut hooks = Hooks::start(vec![spec], || None).await;
    assert_eq!(hooks.tell(&[SYNCED], false).await.log, ["1"]);
    std::fs::write(&path, "this is no Lua").unwrap();
    hooks.tell(&[SYNCED], false).await;
    let state = &hooks.states()[0];
    assert_eq!(state.state, "not-loaded");
    assert!(
        state.last_error.as_ref().unwrap().starts_with("my.lua:1: "),
        "{state:?}"
    );
    std::fs::write(&path, version(22)).unwrap();
    assert_eq!(hooks.tell(&[SYNCED], false).await.log.len(), 1);
    assert_eq!(hooks.states()[0].state, "running");
    assert!(hooks.enable("my.lua").await.unwrap());
    assert!(!hooks.enable("other.lua").await.unwrap());
}

#[tokio::test]
async fn options_and_the_clock_are_there() {
    let mut spec = script(
        "local o = mailferry.options\n\
         mailferry.on(\"account.synced\", function()\n\
         print(o.folder, o.list[2], o.deep.x, o.n, o.f, mailferry.account)\n\
         local d = mailferry.date(0) print(d.year == 1970 or d.year == 1969, mailferry.date().wday <= 7, mailferry.now() > 1e9)\n\
         end)",
    );
    spec.options = "folder = \"Lists\"\nlist = [1, 2]\ndeep = { x = true }\nn = 3\nf = 1.5"
        .parse()
        .unwrap();
    let mut host = Host::start(spec, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let reply = host.tell(&[SYNCED], false).await;
    assert_eq!(reply.log, ["Lists 2 true 3 1.5 work", "true true true"]);
}

#[tokio::test]
async fn what_a_script_listens_to_and_needs_is_known() {
    let mut spec = script(
        "mailferry.needs(\"exec\")\nmailferry.on(\"message.new\", function(msg) msg:text() end)\n\
         mailferry.on(\"message.new\", print)\n-- mailferry.notify is only spoken of\nprint(\"hi\\27\")",
    );
    spec.grants = Grants::all();
    let host = Host::start(spec, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let loaded = host.loaded();
    assert_eq!(loaded.handlers, [(Event::MessageNew, 2)]);
    assert_eq!(loaded.needs, [Capability::Exec, Capability::ReadBody]);
    assert_eq!(loaded.log, ["hi\\u{1b}"]);
}
