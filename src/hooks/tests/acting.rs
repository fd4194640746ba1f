//! What a message says to a script, and what a script can want of it.

use super::*;
use crate::mail::{Flag, Keyword};

#[tokio::test]
async fn a_message_tells_all_that_is_known_of_it() {
    let maildir = Maildir::new();
    let mut spec = script(
        "mailferry.on(\"message.new\", function(msg, event)\n\
         print(event.name, event.account, event.id, event.side)\n\
         print(msg.account, msg.mailbox, msg.id, msg.size > 10, msg.date, msg.uid)\n\
         print(msg.from, msg.from_name, msg.from_address, msg.to, msg.to_addresses[1].address, msg.cc)\n\
         print(msg.subject, msg.message_id, msg.list_id, msg:header(\"x-spam\"), msg:header(\"none\"))\n\
         print(msg.flags.seen, msg.flags.flagged, msg.keywords.Work, msg:has_flag(\"SEEN\"), msg:has_flag(\"work\"), msg:has_flag(\"x\"))\n\
         print(#msg.attachments, msg.path:match(\"INBOX/cur/1\"), msg)\n\
         print(msg:text(), msg:text(4), msg.nothing)\n\
         end)",
    );
    spec.grants = Grants::all();
    let mut host = Host::start(spec, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let work = Keyword::new("Work").unwrap();
    let flags = Flags::new().with(Flag::Seen).with_keyword(work);
    let reply = host
        .tell(&[arrived(maildir.put("INBOX", 1, flags, MAIL))], false)
        .await;
    assert_eq!(reply.failures, []);
    assert_eq!(
        reply.log,
        [
            "message.new work work/17 remote",
            "work INBOX 1.R1.host true 1700000000 nil",
            "J\u{f6}rg <joerg@example.org> J\u{f6}rg joerg@example.org alice@example.com alice@example.com ",
            "Hello 1@example.org dev.example.org yes nil",
            "true nil true true true false",
            "0 INBOX/cur/1 INBOX: Hello",
            "Dear Alice,\\nyours\\n Dear nil",
        ]
    );
}

#[tokio::test]
async fn acts_are_collected_in_an_order_that_can_be_carried_out() {
    let maildir = Maildir::new();
    let mut host = start(
        "mailferry.on(\"message.new\", function(msg)\n\
         msg:move_to(\"Archive/2026\") msg:copy_to(\"inbox\") msg:add_flags(\"Flagged\", \"$Label1\") msg:remove_flags(\"seen\")\n\
         end)\n\
         mailferry.on(\"message.new\", function(msg) if msg.subject == \"x\" then msg:delete() end end)",
    )
    .await;
    let (one, two) = (
        maildir.put("INBOX", 1, Flags::new(), MAIL),
        maildir.put("Lists", 2, Flags::new(), "Subject: x\n\n"),
    );
    let mut hooks = Hooks::default();
    assert!(hooks.is_empty());
    assert_eq!(
        hooks.tell(&[arrived(one.clone())], false).await,
        Reply::default()
    );
    let reply = host.tell(&[arrived(one), arrived(two)], false).await;
    let set = Flags::new()
        .with(Flag::Flagged)
        .with_keyword(Keyword::new("$Label1").unwrap());
    let each = |row, last| {
        vec![
            (row, Act::CopyTo(MailboxName::inbox())),
            (row, Act::AddFlags(set.clone())),
            (row, Act::RemoveFlags(Flags::new().with(Flag::Seen))),
            (row, last),
        ]
    };
    let settled = Reply {
        wanted: settle(reply.wanted),
        ..Reply::default()
    };
    let (one, two) = (each(1, to("Archive/2026")), each(2, Act::Delete));
    let expected = [&one[..3], &two[..3], &one[3..], &two[3..]].concat();
    assert_eq!(acts(&settled), expected);
}

#[tokio::test]
async fn acts_that_make_no_sense_are_errors_where_they_stand() {
    let maildir = Maildir::new();
    for (act, text) in [
        ("msg:move_to(\"a//b\")", "\"a//b\" can be no mailbox's name"),
        ("msg:move_to(\"\")", "can be no mailbox's name"),
        ("msg:move_to(\"a\\nb\")", "can be no mailbox's name"),
        ("msg:move_to(nil)", "\"nil\" can be no mailbox's name"),
        (
            "msg:add_flags(\"two words\")",
            "\"two words\" can be no flag",
        ),
        ("msg:add_flags(\"\\\\Seen\")", "can be no flag"),
        ("msg:add_flags(\"deleted\")", "there is msg:delete()"),
        ("msg:text()", "msg:text() needs allow = [\"read_body\"]"),
    ] {
        let text_of = format!("mailferry.on(\"message.new\", function(msg)\n{act}\nend)");
        let new = arrived(maildir.put("INBOX", 1, Flags::new(), MAIL));
        let reply = start(&text_of).await.tell(&[new], false).await;
        let failure = &reply.failures[0];
        assert!(failure.text.starts_with("test.lua:2: "), "{failure}");
        assert!(failure.text.contains(text), "{failure}");
        assert_eq!(failure.event, Some(Event::MessageNew));
    }
}

#[tokio::test]
async fn a_message_that_is_gone_has_no_text_and_takes_no_acts() {
    let maildir = Maildir::new();
    let mut subject = maildir.put("INBOX", 1, Flags::new(), MAIL);
    (subject.local, subject.path) = (None, None);
    let mut host = start(
        "mailferry.on(\"message.deleted\", function(msg) print(msg.subject, msg.path, msg.id, pcall(msg.delete, msg)) end)",
    )
    .await;
    let reply = host
        .tell(&[happened(subject, Happened::Deleted)], false)
        .await;
    assert_eq!(reply.wanted, []);
    assert!(
        reply.log[0].starts_with(" nil nil false "),
        "{:?}",
        reply.log
    );
    assert!(
        reply.log[0].contains("the message is gone"),
        "{:?}",
        reply.log
    );
}

#[tokio::test]
async fn attachments_are_listed_and_their_content_is_granted() {
    let maildir = Maildir::new();
    let mail = "Content-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x\nContent-Type: image/png; name=a.png\n\
        Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--x--\n";
    let text = "mailferry.on(\"message.new\", function(msg)\n\
         for _, a in ipairs(msg.attachments) do print(a.name, a.type, a.size) print(a:content()) end end)";
    let new = arrived(maildir.put("INBOX", 1, Flags::new(), mail));
    let refused = start(text)
        .await
        .tell(std::slice::from_ref(&new), false)
        .await;
    assert_eq!(refused.log, ["a.png image/png 5"]);
    assert!(
        refused.failures[0]
            .text
            .contains("attachment:content() needs allow")
    );
    let mut spec = script(text);
    spec.grants = Grants::of_words(["read_body", "nonsense"]);
    let mut host = Host::start(spec, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        host.tell(&[new], false).await.log,
        ["a.png image/png 5", "hello"]
    );
}
