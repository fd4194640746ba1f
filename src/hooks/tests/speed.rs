//! What hooks cost.

use std::time::Instant;

use super::*;

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figure is what one looks for")]
async fn ten_thousand_messages_through_three_hooks_take_no_time_to_speak_of() {
    let maildir = Maildir::new();
    let one = maildir.put("INBOX", 1, Flags::new(), MAIL);
    let all: Vec<Occasion> = (0..10_000)
        .map(|row| {
            arrived(Subject {
                row: RowId(row),
                ..one.clone()
            })
        })
        .collect();
    let trivial = || {
        script(
            "local seen = 0 mailferry.on(\"message.new\", function(msg) seen = seen + msg.size end)",
        )
    };
    let reading = script(
        "mailferry.on(\"message.new\", function(msg) if msg.list_id == \"x\" then msg:move_to(\"y\") end end)",
    );
    let mut hooks = Hooks::start(vec![trivial(), trivial(), trivial()], || None).await;
    let mut readers = Hooks::start(vec![reading], || None).await;
    let begin = Instant::now();
    for batch in all.chunks(200) {
        assert_eq!(hooks.tell(batch, false).await.failures, []);
    }
    let trivial = begin.elapsed();
    let begin = Instant::now();
    for batch in all.chunks(200) {
        assert_eq!(readers.tell(batch, false).await.failures, []);
    }
    let reading = begin.elapsed();
    println!(
        "10,000 messages: three trivial hooks {trivial:?}, one that reads the header {reading:?}"
    );
    // Unoptimized, on a busy machine; it is some 100 ms otherwise.
    assert!(trivial.as_secs() < 10, "{trivial:?}");
}
