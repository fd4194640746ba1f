use super::*;
use crate::content::{Hasher, message_id_hash};

/// Less than this in the queue would mean that nobody counts.
const PIECE_SEEN: usize = 100_000;

/// Contents that are hard on line-end policies.
fn odd(number: usize) -> Vec<u8> {
    let head = format!("Message-ID: <{number}@x>\r\nSubject: {number}\r\n\r\n");
    let body: &[u8] = match number % 9 {
        0 => b"line\r\n",
        1 => b"no end",
        2 => b"bare\nlf\r\n",
        3 => b"cr\rcr\r\n\0\xff\r",
        4 => b"a\r\r\nb\r\n",
        5 => b"\n",
        6 => b"x\r\ny\r\nlate\n",
        7 => b"",
        _ => b"\r\n.\r\nFrom me\r\n",
    };
    let repeated = body.repeat(1 + number % 400);
    [head.as_bytes(), &repeated].concat()
}

fn digest(octets: &[u8]) -> crate::mail::Digest {
    let mut hasher = Hasher::new();
    hasher.update(octets);
    hasher.finish()
}

#[tokio::test]
async fn two_thousand_odd_messages_come_back_octet_for_octet() {
    let fixture = Fixture::nested().await;
    let messages: Vec<Vec<u8>> = (0..2000).map(odd).collect();
    let staged = fixture.stage("INBOX", &messages, 37).await;
    assert_eq!(staged.len(), messages.len());
    let flagged: Vec<(Staged, Flags)> = staged
        .into_iter()
        .enumerate()
        .map(|(at, staged)| (staged, if at % 2 == 0 { seen() } else { Flags::new() }))
        .collect();
    let inbox = MailboxName::inbox();
    let results = fixture.account.publish(&inbox, &flagged).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(fixture.names("INBOX/new").len(), 1000);
    assert_eq!(fixture.names("INBOX/cur").len(), 1000);
    assert!(fixture.names("INBOX/tmp").is_empty());
    let view = fixture.account.scan(&inbox).await.unwrap();
    assert_eq!(view.files.len(), 2000);
    for ((staged, flags), message) in flagged.iter().zip(&messages) {
        let at = view
            .files
            .binary_search_by(|file| file.id.cmp(&staged.local));
        let file = &view.files[at.unwrap()];
        assert_eq!((&file.flags, file.stamp), (flags, staged.stamp));
        assert_eq!(staged.identity.size, message.len() as u64);
        assert_eq!(staged.identity.digest, Some(digest(message)));
        assert_eq!(staged.identity.message_id, message_id_hash(message));
        assert_eq!(staged.stamp.mtime_ns, 1_000_000_000_000_000_000);
    }
    for ((staged, _), message) in flagged.iter().zip(&messages).step_by(7) {
        let wire = fixture
            .wire("INBOX", &staged.local, staged.stamp, staged.raw)
            .await;
        assert_eq!(&wire, message);
    }
}

#[tokio::test]
async fn files_are_for_their_owner_and_lines_end_with_lf() {
    let fixture = Fixture::nested().await;
    let staged = fixture
        .stage("INBOX", &[b"a: b\r\n\r\nc\r\n".to_vec()], 5)
        .await;
    let inbox = MailboxName::inbox();
    let flags = seen().with(Flag::Answered);
    let named = [(staged[0].clone(), flags)];
    fixture.account.publish(&inbox, &named).await.unwrap();
    let name = format!("INBOX/cur/{}:2,RS", staged[0].local);
    assert_eq!(fs::read(fixture.path(&name)).unwrap(), b"a: b\n\nc\n");
    assert_eq!(mode(&fixture.path(&name)), 0o600);
    for directory in ["", "INBOX", "INBOX/cur", "Archive", "Archive/2026/tmp"] {
        assert_eq!(mode(&fixture.path(directory)), 0o700, "{directory}");
    }
    assert_eq!(mode(&fixture.path("INBOX/.mailferry")), 0o600);
    assert!(staged[0].local.to_string().ends_with(".test"));
}

#[tokio::test]
async fn a_long_message_never_fills_memory_and_may_turn_irregular_at_its_end() {
    let fixture = Fixture::nested().await;
    let line = [&[b'x'; 70][..], b"\r\n"].concat();
    let mut message = line.repeat(60 * 1024 * 1024 / line.len());
    message.extend_from_slice(b"the only bare\nlf");
    let mut delivery = fixture.account.deliver(&MailboxName::inbox());
    let octets = message.len() as u64;
    delivery.begin(uid(1), octets, 0, None).await.unwrap();
    let mut most = 0;
    for piece in message.chunks(10_000) {
        delivery.write(piece).await.unwrap();
        most = most.max(QUEUE - fixture.account.core.queue.available_permits());
    }
    delivery.end().await.unwrap();
    assert!((PIECE_SEEN..=QUEUE).contains(&most), "{most}");
    let mut results = delivery.cut().durable().await.unwrap();
    let staged = results.remove(0).1.unwrap();
    assert!(staged.raw);
    assert_eq!(staged.identity.digest, Some(digest(&message)));
    assert_eq!(fixture.account.core.queue.available_permits(), QUEUE);
    assert_eq!(fixture.names("INBOX/tmp").len(), 1);
    let path = format!("INBOX/tmp/{}", staged.local);
    assert_eq!(fs::read(fixture.path(&path)).unwrap(), message);
}

#[tokio::test]
async fn a_message_that_goes_wrong_leaves_no_file_and_does_not_harm_the_next() {
    let fixture = Fixture::nested().await;
    let mut delivery = fixture.account.deliver(&MailboxName::inbox());
    delivery.begin(uid(1), 10, 0, None).await.unwrap();
    delivery.write(b"short").await.unwrap();
    delivery.end().await.unwrap();
    delivery.begin(uid(2), 3, 0, Some(seen())).await.unwrap();
    delivery.write(b"abc").await.unwrap();
    delivery.end().await.unwrap();
    delivery.begin(uid(3), 3, 0, None).await.unwrap();
    let results = delivery.cut().durable().await.unwrap();
    assert_eq!(results[0].0, uid(1));
    assert_eq!(
        results[0].1.as_ref().unwrap_err().reach,
        crate::engine::Reach::Message
    );
    assert_eq!(results[1].1.as_ref().unwrap().flags, Some(seen()));
    assert_eq!(results.len(), 2);
    delivery.write(b"xyz").await.unwrap();
    delivery.end().await.unwrap();
    let results = delivery.cut().durable().await.unwrap();
    assert_eq!(results[0].0, uid(3));
    assert!(results[0].1.is_ok());
    assert_eq!(fixture.names("INBOX/tmp").len(), 2);
}

#[tokio::test]
async fn publishing_never_replaces_a_file_and_discarding_removes_it() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    let messages = [b"one".to_vec(), b"two".to_vec()];
    let staged = fixture.stage("INBOX", &messages, 100).await;
    let taken = format!("INBOX/new/{}", staged[0].local);
    fixture.put(&taken, b"somebody else's");
    let wanted: Vec<(Staged, Flags)> = staged.iter().cloned().map(|s| (s, Flags::new())).collect();
    let results = fixture.account.publish(&inbox, &wanted).await.unwrap();
    assert!(results[0].is_err() && results[1].is_ok());
    assert_eq!(fs::read(fixture.path(&taken)).unwrap(), b"somebody else's");
    fixture.account.discard(&inbox, &staged).await.unwrap();
    assert!(fixture.names("INBOX/tmp").is_empty());
}

#[tokio::test]
async fn an_empty_delivery_is_an_empty_batch_and_a_lost_folder_an_error() {
    let fixture = Fixture::nested().await;
    let mut delivery = fixture.account.deliver(&MailboxName::inbox());
    assert!(delivery.cut().durable().await.unwrap().is_empty());
    let mut delivery = fixture.account.deliver(&mailbox("Nowhere"));
    delivery.begin(uid(1), 1, 0, None).await.unwrap();
    delivery.write(b"x").await.unwrap();
    delivery.end().await.unwrap();
    let results = delivery.cut().durable().await.unwrap();
    assert_eq!(
        results[0].1.as_ref().unwrap_err().reach,
        crate::engine::Reach::Mailbox
    );
}

#[tokio::test]
async fn deliveries_that_hold_parts_of_messages_do_not_wait_for_each_other() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    let part = vec![b'x'; 200 * 1024];
    let mut deliveries: Vec<_> = (0..24).map(|_| fixture.account.deliver(&inbox)).collect();
    for round in 0..2 {
        for delivery in &mut deliveries {
            if round == 0 {
                delivery.begin(uid(1), 400 * 1024, 0, None).await.unwrap();
            }
            let written = delivery.write(&part);
            let limit = std::time::Duration::from_secs(20);
            tokio::time::timeout(limit, written).await.unwrap().unwrap();
        }
    }
    for mut delivery in deliveries {
        delivery.end().await.unwrap();
        let results = delivery.cut().durable().await.unwrap();
        assert_eq!(results[0].1.as_ref().unwrap().identity.size, 400 * 1024);
    }
}

#[tokio::test]
async fn messages_of_all_sizes_lie_side_by_side_and_one_given_up_leaves_nothing() {
    let fixture = Fixture::nested().await;
    let mut delivery = fixture.account.deliver(&MailboxName::inbox());
    let sizes = [
        1, 70_000, 1, 100_000, 120_000, 300_000, 140_000, 5, 131_072, 262_144, 9,
    ];
    let message = |size: usize| format!("{size}\n{}", "y".repeat(size)).into_bytes();
    let mut digests = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        let number = u32::try_from(number).unwrap() + 1;
        if number % 3 == 0 {
            delivery.begin(uid(99), 50_000, 0, None).await.unwrap();
            delivery.write(&[b'z'; 40_000]).await.unwrap();
        }
        let wire = message(size);
        let octets = wire.len() as u64;
        delivery.begin(uid(number), octets, 0, None).await.unwrap();
        for piece in wire.chunks(16_000) {
            delivery.write(piece).await.unwrap();
        }
        delivery.end().await.unwrap();
        digests.push((uid(number), Some(digest(&wire))));
    }
    let results = delivery.cut().durable().await.unwrap();
    let results = results.into_iter();
    let came: Vec<_> = results
        .map(|(uid, staged)| (uid, staged.unwrap().identity.digest))
        .collect();
    assert_eq!(came, digests);
    assert_eq!(fixture.names("INBOX/tmp").len(), sizes.len());
    assert_eq!(fixture.account.core.queue.available_permits(), QUEUE);
}
