//! Plugins whose programs are in trouble: that must not end with a plugin that somebody has to bring back.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// A program that fails as long as there is no file `fine` beside it, and writes down what it is called with.
fn moody() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("program");
    let here = place.path().display();
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>{here}/calls\n[ -e {here}/fine ] && exit 0\necho locked >&2\nexit 1\n"
    );
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    place
}

fn calls(place: &tempfile::TempDir) -> usize {
    let calls = std::fs::read_to_string(place.path().join("calls")).unwrap_or_default();
    calls.lines().count()
}

#[tokio::test]
async fn an_index_that_somebody_else_holds_is_tried_again() {
    for name in ["mu", "notmuch"] {
        let place = moody();
        let options = format!("command = \"{}/program\"", place.path().display());
        let mut host = plugin(name, &options, None, false).await;
        for _ in 0..7 {
            let reply = told(&mut host, &[synced("INBOX")]).await;
            assert!(reply.log[0].contains("locked"), "{reply:?}");
        }
        std::fs::write(place.path().join("fine"), "").unwrap();
        let before = calls(&place);
        assert_eq!(told(&mut host, &[SYNCED, SYNCED]).await.log, [""; 0]);
        assert_eq!(
            calls(&place),
            before + 1,
            "{name}: once, when a pass is complete"
        );
    }
}

#[tokio::test]
async fn the_mail_of_a_first_sync_is_indexed_once_it_is_complete() {
    for (name, word) in [("mu", "index"), ("notmuch", "new")] {
        let mut host = plugin(name, "", None, true).await;
        let partly = Occasion::AccountSynced { complete: false };
        assert_eq!(
            told(&mut host, &[partly]).await.programs.len(),
            0,
            "{name}: there is more to come"
        );
        let reply = told(&mut host, &[synced("INBOX"), SYNCED, SYNCED]).await;
        let words: Vec<_> = reply.programs.iter().map(|argv| argv[1].as_str()).collect();
        assert_eq!(words, [word, word], "{name}");
    }
}

#[tokio::test]
async fn what_waits_to_be_tagged_is_tagged_when_notmuch_is_free() {
    let (place, maildir) = (moody(), Maildir::new());
    let options = format!(
        "command = \"{}/program\"\ntags = {{ inbox = \"+new\" }}",
        place.path().display()
    );
    let mut host = plugin("notmuch", &options, None, false).await;
    let new = arrived(maildir.put("INBOX", 1, Flags::new(), MAIL));
    told(&mut host, &[new, synced("INBOX")]).await;
    std::fs::write(place.path().join("fine"), "").unwrap();
    told(&mut host, &[SYNCED]).await;
    let calls = std::fs::read_to_string(place.path().join("calls")).unwrap();
    assert!(
        calls.ends_with("new\ntag +new -- id:\"1@example.org\"\n"),
        "{calls}"
    );
}

/// A file that is larger than what may be written stands for a full disk.
#[tokio::test]
async fn an_attachment_that_cannot_be_written_leaves_nothing_behind() {
    let (maildir, target) = (Maildir::new(), tempfile::tempdir().unwrap());
    let mail =
        "Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment\n\nhello\n";
    // `dd` finds this one in its way, and says so in whatever language.
    std::fs::create_dir(target.path().join("a.pdf")).unwrap();
    let options = format!("directory = \"{}\"", target.path().display());
    let mut host = plugin("attachments", &options, None, false).await;
    let new = arrived(maildir.put("INBOX", 1, Flags::new(), mail));
    told(&mut host, std::slice::from_ref(&new)).await;
    assert!(target.path().join("a-1.pdf").is_file());
    std::fs::remove_dir_all(target.path()).unwrap();
    std::fs::write(target.path(), "in the way").unwrap();
    let reply = told(&mut host, &[new]).await;
    assert!(reply.log[0].contains("cannot save"), "{reply:?}");
    std::fs::remove_file(target.path()).unwrap();
    std::fs::create_dir(target.path()).unwrap();
}

/// Each file is read anew for what was asked for already.
#[tokio::test]
async fn attachments_are_the_same_in_any_order_and_twice() {
    let maildir = Maildir::new();
    let part = |name: &str, text: &str| {
        format!(
            "--b\nContent-Type: application/pdf; name={name}\nContent-Disposition: attachment\n\n{text}\n"
        )
    };
    let mail = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}{}--b--\n",
        part("one", "first"),
        part("two", "second")
    );
    let text = r#"
mailferry.on("message.new", function(msg)
    local one, two = table.unpack(msg.attachments)
    for _, it in ipairs { two, one, two, one } do mailferry.log(it.name .. "=" .. it:content()) end
end)
"#;
    let spec = Spec {
        grants: Grants::all(),
        ..script(text)
    };
    let mut host = Host::start(spec, None).await.unwrap();
    let new = arrived(maildir.put("INBOX", 1, Flags::new(), &mail));
    assert_eq!(
        told(&mut host, &[new]).await.log,
        ["two=second", "one=first", "two=second", "one=first"]
    );
}
