//! More events than anybody wants.

use std::sync::Mutex;
use std::thread;

use notify::EventHandler;

use super::*;

#[tokio::test]
async fn twenty_thousand_renames_leave_one_hint_and_then_silence() {
    const RENAMES: usize = 20_000;
    let fixture = Fixture::nested().await;
    fixture.put("INBOX/cur/1.a:2,", b"x");
    let mut watch = fixture.account.watch().await.unwrap();
    let cur = fixture.path("INBOX/cur");
    let (done, mut finished) = tokio::sync::oneshot::channel();
    let writer = thread::spawn(move || {
        let names = [cur.join("1.a:2,"), cur.join("1.a:2,S")];
        for number in 0..RENAMES {
            fs::rename(&names[number % 2], &names[(number + 1) % 2]).unwrap();
        }
        done.send(()).unwrap();
    });
    let mut largest = 0;
    loop {
        tokio::select! {
            hints = watch.next() => {
                assert!(hints == [at("INBOX")] || hints == [Hint::Everything], "{hints:?}");
            }
            _ = &mut finished => break,
        }
        largest = largest.max(watch.figures().1);
    }
    writer.join().unwrap();
    settle(&mut watch).await;
    assert!(largest <= 1, "{largest} places in the set");
    fixture.rename("INBOX/cur/1.a:2,", "INBOX/cur/1.a:2,F");
    assert_eq!(watch.next().await, [at("INBOX")]);
    settle(&mut watch).await;
    assert_eq!(watch.drain().await, []);
}

/// The kernel's queue really overflows here: the watcher's thread is held until it has.
#[tokio::test]
async fn an_overflow_is_a_hint_for_everything_and_all_is_watched_anew() {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let fixture = Fixture::nested().await;
    fixture.put("INBOX/cur/1.a:2,", b"x");
    let gate = Arc::new(Mutex::new(()));
    let inner = Arc::clone(&gate);
    let opener = Box::new(move |mut handler: Handler| {
        let gate = Arc::clone(&inner);
        inotify(move |event| {
            drop(gate.lock().unwrap());
            handler.handle_event(event);
        })
    });
    let mut watch = fixture.account.watch_with(opener, LIMIT).await.unwrap();
    let held = gate.lock().unwrap();
    let names = ["INBOX/cur/1.a:2,", "INBOX/cur/1.a:2,S"];
    for number in 0..limit / 2 + 100 {
        fixture.rename(names[number % 2], names[(number + 1) % 2]);
    }
    // All that is told of this folder comes after the queue was full.
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(fixture.path("Lost").join(part)).unwrap();
    }
    drop(held);
    until(&mut watch, &[Hint::Everything]).await;
    settle(&mut watch).await;
    fixture.drop_in("Lost", "1.a");
    assert_eq!(watch.drain().await, [at("Lost")]);
    assert_eq!(watch.coverage(), LocalCoverage::default());
}
