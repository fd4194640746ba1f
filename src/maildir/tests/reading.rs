use super::*;
use crate::engine::Reach;
use crate::engine::ports::BodySource;

#[tokio::test]
async fn a_file_is_read_both_ways_where_both_are_possible() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    fixture.put("INBOX/cur/lf:2,", b"Message-ID: <a@b>\n\nx\n");
    fixture.put("INBOX/cur/crlf:2,S", b"Message-ID: <a@b>\r\n\r\nx\n");
    fixture.put("INBOX/new/none", b"x");
    let files = [id("lf"), id("crlf"), id("none"), id("gone")];
    let read = fixture.account.inspect(&inbox, &files).await.unwrap();
    assert_eq!(read.len(), 3, "what is gone is left out");
    let read: Vec<Inspected> = read.into_iter().map(|(_, read)| read.unwrap()).collect();
    assert!(!read[0].raw && read[1].raw && !read[2].raw);
    assert_eq!(read[0].identity.size, 24);
    assert_eq!(read[0].verbatim.unwrap().0, 21);
    assert_eq!(read[1].verbatim, None);
    assert_eq!(read[2].verbatim, None);
    assert_eq!(read[0].identity.message_id, read[1].identity.message_id);
    assert!(read[0].identity.message_id.is_some());
    for (file, read) in files.iter().zip(&read) {
        let wire = fixture.wire("INBOX", file, read.stamp, read.raw).await;
        assert_eq!(wire.len() as u64, read.identity.size);
        let mut hasher = crate::content::Hasher::new();
        hasher.update(&wire);
        assert_eq!(Some(hasher.finish()), read.identity.digest);
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_one_by_one() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    fixture.put("INBOX/cur/empty:2,", b"");
    std::os::unix::fs::symlink("/etc/passwd", fixture.path("INBOX/cur/link:2,")).unwrap();
    fixture.put("INBOX/cur/good:2,", b"x");
    let files = [id("empty"), id("link"), id("good")];
    let read = fixture.account.inspect(&inbox, &files).await.unwrap();
    assert_eq!(read[0].1.as_ref().unwrap_err().reach, Reach::Message);
    assert_eq!(read[1].1.as_ref().unwrap_err().reach, Reach::Message);
    assert!(read[2].1.is_ok());
}

#[tokio::test]
async fn a_file_that_changes_is_not_sent() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    fixture.put("INBOX/cur/a:2,", &b"line\n".repeat(20_000));
    let stamp = fixture.stamp("INBOX", &id("a")).await;
    let other = FileStamp { size: 1, ..stamp };
    let refused = fixture.account.open(&inbox, &id("a"), other, false).await;
    assert_eq!(refused.unwrap_err().reach, Reach::Message);
    let mut body = fixture
        .account
        .open(&inbox, &id("a"), stamp, false)
        .await
        .unwrap();
    assert!(!body.next().await.unwrap().is_empty());
    fixture.put("INBOX/cur/a:2,", &b"other\n".repeat(20_000));
    let outcome = loop {
        match body.next().await {
            Ok(octets) if octets.is_empty() => break Ok(()),
            Ok(_) => {}
            Err(fault) => break Err(fault),
        }
    };
    let fault = outcome.unwrap_err();
    assert!(fault.retry && fault.reach == Reach::Message);
    assert!(
        body.next().await.is_err(),
        "a body that failed stays failed"
    );
}

#[tokio::test]
async fn a_file_that_is_still_being_written_is_waited_for_or_refused() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    let path = fixture.path("INBOX/cur/slow:2,");
    fixture.put("INBOX/cur/slow:2,", b"first half\n");
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(30));
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, b"second half\n").unwrap();
    });
    let read = fixture
        .account
        .inspect(&inbox, &[id("slow")])
        .await
        .unwrap();
    writer.join().unwrap();
    let fault = read[0].1.as_ref().unwrap_err();
    assert!(fault.retry && fault.reach == Reach::Message);
    let read = fixture
        .account
        .inspect(&inbox, &[id("slow")])
        .await
        .unwrap();
    assert_eq!(read[0].1.as_ref().unwrap().identity.size, 25);
}

#[tokio::test]
async fn files_are_seen_under_whatever_name_they_have() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    fixture.put("INBOX/dovecot-keywords", b"0 $Work\n");
    let infos = [
        "S", "S", "", "FRS", "S", "FRS", "DT", "Sa", "S", "FS,more", "P",
    ];
    let mut wanted = vec![id("new"), id("gone")];
    fixture.put("INBOX/new/new", b"x");
    for (number, info) in infos.iter().cycle().take(200).enumerate() {
        fixture.put(&format!("INBOX/cur/{number}.R0:2,{info}"), b"x");
        wanted.push(id(&format!("{number}.R0")));
    }
    for few in [&wanted[..], &wanted[..7], &wanted[2..6]] {
        let looked = fixture.account.look(&inbox, few).await.unwrap();
        for (id, seen) in few.iter().zip(looked.files) {
            let text = String::from_utf8(id.as_bytes().to_vec()).unwrap();
            let name = match text.strip_suffix(".R0") {
                None if text == "gone" => {
                    assert_eq!(seen, None);
                    continue;
                }
                None => "INBOX/new/new".to_owned(),
                Some(number) => {
                    let number: usize = number.parse().unwrap();
                    format!("INBOX/cur/{text}:2,{}", infos[number % infos.len()])
                }
            };
            let seen = seen.unwrap();
            assert_eq!(seen.path, fixture.path(&name));
            let work = crate::mail::Keyword::new("$Work").unwrap();
            let is_work = name.ends_with('a');
            assert_eq!(
                seen.flags.keywords().any(|it| *it == work),
                is_work,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn the_header_of_what_was_delivered_is_given_once_to_those_who_want_it() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    let messages = [
        b"Subject: one\r\nX: a\r\n b\r\n\r\nbody\r\n\r\nmore\r\n".to_vec(),
        // A lone line feed, late: the file becomes another one.
        [
            &b"Subject: raw\r\n\r\n"[..],
            &[b'x'; 300_000],
            b"\nlate\r\n",
        ]
        .concat(),
        b"Subject: no end\r\n".to_vec(),
        [b"X: ", &[b'x'; 20_000][..], b"\r\n\r\n"].concat(),
    ];
    let deliver = async |piece| {
        let staged = fixture.stage("INBOX", &messages, piece).await;
        let ids: Vec<LocalId> = staged.iter().map(|it| it.local.clone()).collect();
        let wanted: Vec<(Staged, Flags)> = staged.into_iter().map(|it| (it, seen())).collect();
        let published = fixture.account.publish(&inbox, &wanted).await.unwrap();
        assert!(published.iter().all(Result::is_ok));
        ids
    };
    let headers = async |ids: &[LocalId]| -> Vec<Option<Vec<u8>>> {
        let looked = fixture.account.look(&inbox, ids).await.unwrap();
        let seen = looked.files.into_iter().map(Option::unwrap);
        seen.map(|seen| {
            let file = fs::read(&seen.path).unwrap();
            let header = seen.header?.octets().to_vec();
            assert!(file.starts_with(&header));
            Some(header)
        })
        .collect()
    };
    let before = deliver(100_000).await;
    assert_eq!(headers(&before).await, [None, None, None, None]);
    fixture.account.keep_headers();
    assert_eq!(headers(&before).await, [None, None, None, None]);
    for piece in [1_000_000, 70_000, 10] {
        let ids = deliver(piece).await;
        let first = Some(b"Subject: one\nX: a\n b\n\n".to_vec());
        assert_eq!(headers(&ids).await, [first, None, None, None], "{piece}");
        assert_eq!(headers(&ids).await, [None, None, None, None]);
    }
}

#[tokio::test]
async fn reading_is_no_access() {
    let fixture = Fixture::nested().await;
    let path = fixture.path("INBOX/cur/a:2,");
    fixture.put("INBOX/cur/a:2,", b"Subject: x\n\nx\n");
    let file = fs::File::options().write(true).open(&path).unwrap();
    let long_ago = UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let times = fs::FileTimes::new().set_accessed(long_ago);
    file.set_times(times).unwrap();
    let inbox = MailboxName::inbox();
    let files = [id("a")];
    let read = fixture.account.inspect(&inbox, &files).await.unwrap();
    assert!(read[0].1.is_ok());
    assert_eq!(crate::letter::head(&path).unwrap().subject(), "x");
    let accessed = fs::metadata(&path).unwrap().accessed().unwrap();
    assert_eq!(accessed, long_ago);
}
