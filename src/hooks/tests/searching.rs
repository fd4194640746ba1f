//! Sets of stored mail.

use super::*;
use crate::mail::Flag;

async fn found(body: &str) -> Reply {
    let maildir = Maildir::new();
    let now = jiff::Timestamp::now().as_second();
    let mut all = vec![
        maildir.put("INBOX", 1, Flags::new(), MAIL),
        maildir.put(
            "INBOX",
            2,
            Flags::new().with(Flag::Seen),
            "From: Bob <bob@example.com>\nSubject: Invoice 7\n\n",
        ),
        maildir.put(
            "INBOX",
            3,
            Flags::new().with(Flag::Seen).with(Flag::Flagged),
            MAIL,
        ),
        maildir.put("Archive/2026", 4, Flags::new(), MAIL),
    ];
    all[1].date = now - 60;
    let text = format!(
        "local function rows(set) local t = {{}} for m in set:each() do t[#t + 1] = m.id:match(\"%d\") end return table.concat(t) end\n\
         local search = mailferry.search\n\
         mailferry.on(\"account.synced\", function()\n{body}\nend)"
    );
    let shelf: Box<dyn Shelf> = Box::new(Shelved::new(all));
    let mut host = Host::start(script(&text), Some(shelf))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    host.tell(&[SYNCED], false).await
}

#[tokio::test]
async fn criteria_narrow_a_search() {
    for (query, rows) in [
        ("{}", "4123"),
        ("{mailbox = \"INBOX\"}", "123"),
        ("{mailbox = \"inbox\", flags = \"seen\"}", "23"),
        ("{mailbox = {\"Arch*\", \"None\"}}", "4"),
        ("{from = \"JOERG@\"}", "413"),
        ("{subject = \"invoice\"}", "2"),
        ("{list_id = \"DEV.example.org\"}", "413"),
        ("{older_than = \"30d\"}", "413"),
        ("{newer_than = \"1h\"}", "2"),
        ("{flags = {\"seen\"}, without_flags = {\"flagged\"}}", "2"),
        ("{larger = 100, header = {[\"X-Spam\"] = \"yes\"}}", "413"),
        ("{smaller = 100}", "2"),
    ] {
        let reply = found(&format!("print(rows(search {query}))")).await;
        assert_eq!(reply.failures, [], "{query}");
        assert_eq!(reply.log, [rows], "{query}");
    }
}

#[tokio::test]
async fn sets_are_combined_as_sets() {
    let reply = found(
        "local inbox, seen = search {mailbox = \"INBOX\"}, search {flags = {\"seen\"}}\n\
         local bob = search {from = \"bob\"}\n\
         print(rows(inbox - seen), rows(inbox * seen), rows(bob + inbox), rows(seen - bob), rows(bob - bob))\n\
         print(#inbox, inbox[1].subject, inbox[4], #(bob + seen), inbox[1] == (inbox * inbox)[1], inbox[1] == inbox[2])\n\
         print(rows(inbox:filter(function(m) return m.subject == \"Hello\" end)), table.concat(mailferry.mailboxes(), \" \"))",
    )
    .await;
    assert_eq!(reply.failures, []);
    assert_eq!(
        reply.log,
        [
            "1 23 213 3 ",
            "3 Hello nil 2 true false",
            "13 Archive/2026 INBOX"
        ]
    );
}

#[tokio::test]
async fn a_set_is_acted_on_as_a_message_is() {
    let reply = found(
        "local old = search {mailbox = \"INBOX\", flags = {\"seen\"}} old:add_flags(\"answered\") old:move_to(\"Archive\")",
    )
    .await;
    let flag = Act::AddFlags(Flags::new().with(Flag::Answered));
    assert_eq!(
        acts(&reply),
        [
            (2, flag.clone()),
            (3, flag),
            (2, to("Archive")),
            (3, to("Archive"))
        ]
    );
}

#[tokio::test]
async fn a_misspelt_criterion_finds_no_mail_to_delete() {
    for query in [
        "{form = \"x\"}",
        "{flags = 3}",
        "{older_than = \"old\"}",
        "{mailbox = 3}",
        "{flags = {\"a b\"}}",
    ] {
        let reply = found(&format!("search {query}:delete()")).await;
        assert_eq!(reply.wanted, [], "{query}");
        assert_eq!(reply.failures.len(), 1, "{query}");
    }
}
