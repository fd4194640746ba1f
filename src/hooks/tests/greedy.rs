//! Scripts that would have us hold, copy or do more than they may themselves.

use std::time::{Duration, Instant};

use super::*;
use crate::mail::Flag;
use crate::sync::RawHeader;

/// The most that this process has ever held, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024
}

fn new(maildir: &Maildir, number: u64) -> Occasion {
    arrived(maildir.put("INBOX", number, Flags::new(), MAIL))
}

async fn on_new(body: &str, count: u64) -> (Host, Reply) {
    let maildir = Maildir::new();
    let text = format!("mailferry.on(\"message.new\", function(msg)\n{body}\nend)");
    let mut host = start(&text).await;
    let all: Vec<Occasion> = (1..=count).map(|number| new(&maildir, number)).collect();
    let reply = host.tell(&all, false).await;
    (host, reply)
}

/// In a process of its own: what other tests hold beside it would count.
#[test]
fn a_long_text_given_many_times_is_not_copied_many_times() {
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "hooks::tests::greedy::alone"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout);
    assert!(
        alone.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
#[ignore = "only run by a_long_text_given_many_times_is_not_copied_many_times"]
async fn alone() {
    for call in [
        "print(table.unpack(t))",
        "mailferry.log(table.unpack(t))",
        "msg:add_flags(table.unpack(t))",
        "msg:remove_flags(table.unpack(t))",
        "mailferry.needs(table.unpack(t))",
        "mailferry.search {mailbox = t}",
        "mailferry.search {flags = t}",
        "mailferry.search {header = h}",
        "mailferry.search {subject = s}",
    ] {
        let before = peak();
        let body = format!(
            "local s, t, h = (\"x\"):rep(4 << 20), {{}}, {{}}\n\
             for i = 1, 200 do t[i] = s h[\"X-\" .. i] = s end\n{call}"
        );
        on_new(&body, 1).await;
        // All of it is 800 MiB.
        // The kernel counts roughly: a later figure may be smaller.
        let more = peak().saturating_sub(before);
        assert!(more < 300, "{call}: {more} MiB more");
    }
}

#[tokio::test]
async fn words_have_a_number_and_a_length() {
    for (act, wanted) in [
        (
            "local t = {} for i = 1, 101 do t[i] = \"k\" .. i end msg:add_flags(table.unpack(t))",
            "more than 100",
        ),
        ("msg:add_flags((\"k\"):rep(256))", "can be no flag"),
        ("msg:move_to((\"k\"):rep(1001))", "can be no mailbox's name"),
        (
            "local t = {} for i = 1, 101 do t[\"X-\" .. i] = \"k\" end mailferry.search {header = t}",
            "more than 100",
        ),
        (
            "local t = {} for i = 1, 101 do t[i] = \"k\" end mailferry.search {flags = t}",
            "more than 100",
        ),
        (
            "local t = {} for i = 1, 10001 do t[i] = \"k\" end mailferry.search {mailbox = t}",
            "more than 10000",
        ),
        (
            "mailferry.search {subject = (\"k\"):rep(1001)}",
            "longer than 1000",
        ),
    ] {
        let (_, reply) = on_new(act, 1).await;
        assert_eq!(reply.failures.len(), 1, "{act}");
        let text = &reply.failures[0].text;
        assert!(text.contains(wanted), "{act}: {text}");
    }
    let fine = "local t = {} for i = 1, 100 do t[i] = (\"k\"):rep(240) .. i end msg:add_flags(table.unpack(t))";
    assert_eq!(on_new(fine, 1).await.1.failures, []);
}

#[tokio::test]
async fn one_message_is_acted_on_sixteen_times_at_most() {
    let (host, reply) = on_new("for i = 1, 99999 do msg:add_flags(\"flagged\") end", 1).await;
    assert_eq!(acts(&reply), []);
    assert_eq!(host.failures(), 1);
    assert!(reply.failures[0].text.contains("more than 16"), "{reply:?}");
    let (_, reply) = on_new("for i = 1, 16 do msg:add_flags(\"flagged\") end", 3).await;
    assert_eq!((reply.wanted.len(), reply.failures.len()), (48, 0));
    // What a handler that failed wanted does not count.
    let maildir = Maildir::new();
    let mut host = start(
        "local function f(msg) for i = 1, 16 do msg:add_flags(\"flagged\") end end\n\
         mailferry.on(\"message.new\", function(msg) f(msg) error(\"x\") end)\n\
         mailferry.on(\"message.new\", f)\n\
         mailferry.on(\"message.new\", function(msg) msg:delete() end)",
    )
    .await;
    let reply = host.tell(&[new(&maildir, 1)], false).await;
    assert_eq!((reply.wanted.len(), reply.failures.len()), (16, 2));
    // The next batch has its own.
    let reply = host.tell(&[new(&maildir, 1)], false).await;
    assert_eq!((reply.wanted.len(), reply.failures.len()), (16, 2));
}

#[tokio::test]
async fn what_a_batch_logs_and_shows_has_an_end() {
    let (_, reply) = on_new("for i = 1, 5000 do print(i) end", 20).await;
    assert_eq!(reply.failures, []);
    assert_eq!(reply.log.len(), 1001);
    assert_eq!(reply.log.last().unwrap(), "... and more");
    let maildir = Maildir::new();
    let mut spec = script(
        "local s = (\"x\"):rep(1 << 20) mailferry.on(\"message.new\", function(msg) for i = 1, 50 do mailferry.notify {title = s} end end)",
    );
    spec.grants = Grants::all();
    let mut host = Host::start(spec, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let all: Vec<Occasion> = (1..=20).map(|number| new(&maildir, number)).collect();
    let reply = host.tell(&all, false).await;
    assert_eq!(reply.notices.len(), 100);
    assert!(reply.notices.iter().all(|it| it.title.capacity() < 10_000));
}

/// A shelf with so many messages that have long names.
fn shelf(count: i64) -> Option<Box<dyn Shelf>> {
    let one = |row: i64| {
        let local = format!("{row}.{}", "x".repeat(100));
        Subject {
            row: RowId(row),
            mailbox: MailboxName::inbox(),
            local: LocalId::new(local.as_bytes()),
            path: Some(format!("/home/user/Mail/INBOX/cur/{local}").into()),
            uid: None,
            size: 1,
            flags: Flags::new().with(Flag::Seen),
            date: 0,
            header: None,
        }
    };
    Some(Box::new(Shelved::new((1..=count).map(one))))
}

async fn searching(body: &str, memory: usize, count: i64) -> Reply {
    let text = format!("mailferry.on(\"account.synced\", function()\n{body}\nend)");
    let spec = Spec {
        memory,
        timeout: Duration::from_secs(4),
        ..script(&text)
    };
    let host = Host::start(spec, shelf(count)).await;
    let mut host = host.unwrap_or_else(|error| panic!("{error}"));
    host.tell(&[SYNCED], false).await
}

#[tokio::test]
async fn found_messages_and_sets_count_towards_memory() {
    for body in [
        "local all = {} for i = 1, 100 do all[i] = mailferry.search {} end",
        "local s, all = mailferry.search {}, {} for i = 1, 20000 do all[i] = s + s end",
        "local s, all = mailferry.search {}, {} for i = 1, 20000 do all[i] = s:filter(function() return true end) end",
        "local all = {} while true do for m in mailferry.search({}):each() do all[#all + 1] = m end end",
    ] {
        let reply = searching(body, 1 << 20, 1_000).await;
        assert_eq!(reply.failures.len(), 1, "{body}");
        assert_eq!(reply.failures[0].why, Why::Memory, "{body}: {reply:?}");
    }
}

#[tokio::test]
async fn what_a_script_has_let_go_does_not_count() {
    for body in [
        "for i = 1, 100 do local s = mailferry.search {} end",
        "local s = mailferry.search {} for i = 1, 300 do s = s + s end print(#s)",
        "local s = mailferry.search {} for i = 1, 2000 do for m in s:each() do break end end",
    ] {
        let reply = searching(body, 4 << 20, 1_000).await;
        assert_eq!(reply.failures, [], "{body}");
    }
}

#[tokio::test]
async fn what_is_wanted_of_many_counts_too() {
    let body = "local t = {} for i = 1, 100 do t[i] = (\"k\"):rep(240) .. i end\n\
        local s = mailferry.search {} for i = 1, 10 do s:add_flags(table.unpack(t)) end";
    let before = peak();
    let reply = searching(body, 8 << 20, 4_000).await;
    assert_eq!(reply.failures.len(), 1);
    assert_eq!(reply.failures[0].why, Why::Memory, "{reply:?}");
    assert!(peak() - before < 200);
}

#[tokio::test]
async fn messages_of_events_that_a_script_keeps_count_too() {
    let maildir = Maildir::new();
    let mail = format!("Subject: x\nX-Long: {}\n\n", "x".repeat(60_000));
    let mut spec = script(
        "local all = {} mailferry.on(\"message.new\", function(m) all[#all + 1] = m print(#m.subject) end)",
    );
    spec.memory = 2 << 20;
    let host = Host::start(spec, None).await;
    let mut host = host.unwrap_or_else(|error| panic!("{error}"));
    let all: Vec<Occasion> = (1..=100)
        .map(|number| arrived(maildir.put("INBOX", number, Flags::new(), &mail)))
        .collect();
    let reply = host.tell(&all, false).await;
    assert!(!reply.failures.is_empty());
    assert_eq!(reply.failures[0].why, Why::Memory, "{:?}", reply.failures);
}

/// Nobody looks at them; they are there all the same.
#[tokio::test]
async fn headers_at_hand_of_messages_that_a_script_keeps_count_too() {
    let mut spec =
        script("local all = {} mailferry.on(\"message.new\", function(m) all[#all + 1] = m end)");
    spec.memory = 2 << 20;
    let host = Host::start(spec, None).await;
    let mut host = host.unwrap_or_else(|error| panic!("{error}"));
    let maildir = Maildir::new();
    let one = maildir.put("INBOX", 1, Flags::new(), "Subject: x\n\n");
    let long = format!("X-Long: {}\n\n", "x".repeat(15_000));
    let all = (1..=400).map(|row| {
        arrived(Subject {
            row: RowId(row),
            header: Some(RawHeader::new(long.as_bytes())),
            ..one.clone()
        })
    });
    let all: Vec<Occasion> = all.collect();
    let reply = host.tell(&all, false).await;
    assert_eq!(reply.failures[0].why, Why::Memory, "{:?}", reply.failures);
}

#[tokio::test]
async fn octets_that_are_no_text_are_no_errors() {
    let lines = logged(
        "print(\"a\\xffb\", setmetatable({}, {__tostring = function() return \"\\xfe\" end}), 1.0)",
    )
    .await;
    assert_eq!(lines, ["a\u{fffd}b \u{fffd} 1.0"]);
    let mut spec = script(
        "mailferry.on(\"account.synced\", function() print(mailferry.exec {argv = {\"printf\", \"%s\", \"a\\xffb\"}}.stdout:byte(1, 9)) end)",
    );
    spec.grants = Grants::all();
    let host = Host::start(spec, None).await;
    let mut host = host.unwrap_or_else(|error| panic!("{error}"));
    let reply = host.tell(&[SYNCED], false).await;
    assert_eq!(reply.failures, []);
    assert_eq!(reply.log, ["97 255 98"]);
}

/// A shelf that takes its time.
struct Slow(Duration);

impl Shelf for Slow {
    fn mailboxes(&self) -> Result<Vec<MailboxName>, ShelfError> {
        std::thread::sleep(self.0);
        Ok(vec![MailboxName::inbox()])
    }

    fn messages(&self, _: &MailboxName) -> Result<Vec<Subject>, ShelfError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn mailboxes_are_listed_once_for_each_handler() {
    let text = "mailferry.on(\"account.synced\", function()\n\
        for i = 1, 50 do mailferry.search {mailbox = {\"I*\", \"*X\"}} print(#mailferry.mailboxes()) end end)";
    let shelf: Box<dyn Shelf> = Box::new(Slow(Duration::from_millis(40)));
    let host = Host::start(script(text), Some(shelf)).await;
    let mut host = host.unwrap_or_else(|error| panic!("{error}"));
    let begun = Instant::now();
    let reply = host.tell(&[SYNCED], false).await;
    assert_eq!((reply.failures.len(), reply.log.len()), (0, 50));
    assert!(begun.elapsed() < Duration::from_secs(1));
}
