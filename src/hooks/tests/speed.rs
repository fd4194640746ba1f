//! What hooks cost.

use std::time::Instant;

use super::*;
use crate::sync::RawHeader;

/// So many messages are told at once.
const PAGE: usize = 512;

fn arrivals(maildir: &Maildir) -> Vec<Occasion> {
    let one = Subject {
        // As of mail that was just delivered.
        header: Some(RawHeader::new(MAIL.as_bytes())),
        ..maildir.put("INBOX", 1, Flags::new(), MAIL)
    };
    let row = |row| Subject {
        row: RowId(row),
        ..one.clone()
    };
    (0..10_000).map(|at| arrived(row(at))).collect()
}

async fn takes(mut hooks: Hooks, all: &[Occasion]) -> std::time::Duration {
    let begin = Instant::now();
    for batch in all.chunks(PAGE) {
        assert_eq!(hooks.tell(batch, false).await.failures, []);
    }
    begin.elapsed()
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are what one looks for")]
async fn ten_thousand_messages_through_hooks_take_no_time_to_speak_of() {
    let maildir = Maildir::new();
    let all = arrivals(&maildir);
    let counting = || {
        script(
            "local seen = 0 mailferry.on(\"message.new\", function(msg) seen = seen + msg.size end)",
        )
    };
    let curious = script(
        "local seen = 0 mailferry.on(\"message.new\", function(msg, event) seen = seen + #event.id end)",
    );
    let plugin = |name: &str, options: &str| Spec {
        options: toml::from_str(options).unwrap(),
        ..Spec::new(Script::Plugin(name.to_owned()), "work")
    };
    let lists = plugin("list-filter", "only = true");
    let rules = plugin(
        "rules",
        "rules = [{ from = \"shop@example.org\", subject = \"invoice\", move = \"Invoices\" }, \
         { header = { X-Spam-Flag = \"yes\" }, move = \"Junk\" }]",
    );
    for (name, specs) in [
        ("one that counts", vec![counting()]),
        ("one that looks at the event", vec![curious]),
        ("list-filter", vec![lists.clone()]),
        ("rules", vec![rules.clone()]),
        ("the three together", vec![lists, rules, counting()]),
    ] {
        let hooks = Hooks::start(specs, || None).await;
        let taken = takes(hooks, &all).await;
        println!("10,000 messages: {name}: {taken:?}");
        // Unoptimized, on a busy machine; it is some 50 to 200 ms otherwise.
        assert!(taken.as_secs() < 15, "{name}: {taken:?}");
    }
}
