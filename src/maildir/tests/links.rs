use std::os::unix::fs::symlink;

use super::*;

impl Fixture {
    /// The same Maildir with another setting.
    pub(super) fn following(&mut self, follow: FollowLinks) {
        self.account = MaildirAccount::open(Settings {
            root: self.path(""),
            layout: self.account.core.layout,
            follow,
            names: FolderNames::default(),
            host: "test".to_owned(),
            notes: NotePlaces::default(),
        })
        .unwrap();
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn link(&self, target: &Path, name: &str) {
        symlink(target, self.path(name)).unwrap();
    }

    async fn set_up(&self) {
        let root = Marker {
            epoch: 1,
            ..marker("0c")
        };
        self.account.mark_root(&root).await.unwrap();
        let inbox = MailboxName::inbox();
        self.create(&inbox).await.unwrap();
    }

    async fn create(&self, name: &MailboxName) -> Result<(), Fault> {
        self.account.create_folder(name, &marker("0b")).await
    }

    async fn mailboxes(&self) -> Vec<String> {
        let folders = self.account.folders().await.unwrap();
        folders.iter().map(|it| it.name.to_string()).collect()
    }

    /// Each folder that cannot be used, with what its reason must say, and whether it is told in any case.
    async fn barred(&self) -> Vec<(String, String, bool)> {
        self.account.folders().await.unwrap();
        let barred = self.account.barred().await.unwrap();
        let each = barred.into_iter();
        each.map(|bar| (bar.name.to_string(), bar.reason, !bar.quiet))
            .collect()
    }

    async fn assert_barred(&self, expected: &[(&str, &str, bool)]) {
        let found = self.barred().await;
        let same = |((name, reason, told), (here, why, say)): (
            &(String, String, bool),
            &(&str, &str, bool),
        )| { name == here && reason.contains(why) && told == say };
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(same), "{found:?}");
    }
}

fn make_folder(path: &Path) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(path.join(part)).unwrap();
    }
}

#[tokio::test]
async fn links_that_were_there_at_set_up_are_folders_for_good() {
    for (layout, linked) in [
        (Layout::Nested, ["Far", "Holder"]),
        (Layout::MaildirPlusPlus, [".Far", ".Holder"]),
    ] {
        let fixture = Fixture::new(layout, &[]).await;
        fs::create_dir_all(fixture.path("")).unwrap();
        make_folder(&fixture.outside("far"));
        make_folder(&fixture.outside("far/Below"));
        make_folder(&fixture.outside("holder/Inner"));
        fixture.link(&fixture.outside("far"), linked[0]);
        fixture.link(&fixture.outside("holder"), linked[1]);
        let nested = layout == Layout::Nested;
        let all: &[&str] = if nested {
            &["Far", "Far/Below", "Holder/Inner"]
        } else {
            &["Far"]
        };
        let listed = fixture.mailboxes().await;
        let found: Vec<&str> = listed.iter().map(String::as_str).collect();
        assert_eq!(found, all, "{layout:?}");
        fixture.set_up().await;
        for name in all {
            fixture.create(&mailbox(name)).await.unwrap();
        }
        // Later and by another process.
        let mut fixture = fixture;
        fixture.following(FollowLinks::FromSetUp);
        assert_eq!(fixture.mailboxes().await.len(), all.len() + 1, "{layout:?}");
        fs::write(fixture.outside("far/new/x"), b"mail").unwrap();
        let view = fixture.account.scan(&mailbox("Far")).await.unwrap();
        assert_eq!(view.files.len(), 1);
    }
}

#[tokio::test]
async fn a_link_that_is_newer_than_the_account_waits_for_the_configuration() {
    let mut fixture = Fixture::new(Layout::Nested, &[]).await;
    fixture.set_up().await;
    make_folder(&fixture.outside("far"));
    fs::create_dir_all(fixture.outside("papers/2026")).unwrap();
    fixture.link(&fixture.outside("far"), "Far");
    fixture.link(&fixture.outside("papers"), "Papers");
    assert_eq!(fixture.mailboxes().await, ["INBOX"]);
    let plain = ("Papers", "no folder in it", false);
    fixture
        .assert_barred(&[("Far", "follow_links = true", true), plain])
        .await;
    assert!(fixture.account.scan(&mailbox("Far")).await.is_err());
    assert!(fixture.create(&mailbox("Far/x")).await.is_err());
    fixture.following(FollowLinks::Always);
    assert_eq!(fixture.mailboxes().await, ["Far", "INBOX"]);
    fixture.assert_barred(&[plain]).await;
    fixture.following(FollowLinks::Never);
    let off = |name| (name, "follow_links = false", false);
    fixture.assert_barred(&[off("Far"), off("Papers")]).await;
}

#[tokio::test]
async fn links_that_lead_where_they_must_not_are_refused_by_name() {
    let mut fixture = Fixture::new(Layout::Nested, &["A"]).await;
    fixture.set_up().await;
    fixture.following(FollowLinks::Always);
    // Another account's Maildir, in both layouts, and a directory with one in it.
    let foreign = "id = \"ff\"\nepoch = 3\n";
    make_folder(&fixture.outside("other/INBOX"));
    fs::write(fixture.outside("other/.mailferry"), foreign).unwrap();
    make_folder(&fixture.outside("more/plus"));
    fs::write(fixture.outside("more/plus/.mailferry"), foreign).unwrap();
    make_folder(&fixture.outside("more/free"));
    fixture.link(&fixture.outside("other"), "Other");
    fixture.link(&fixture.outside("other/INBOX"), "Others");
    fixture.link(&fixture.outside("more"), "More");
    fixture.link(&fixture.path("A"), "Twice");
    fixture.link(&fixture.path("Loop"), "Loop");
    fixture.link(&fixture.outside(""), "Up");
    fixture.link(&fixture.path(""), "Root");
    fixture.link(&fixture.outside("nowhere"), "Gone");
    fs::write(fixture.outside("file"), b"").unwrap();
    fixture.link(&fixture.outside("file"), "File");
    assert_eq!(fixture.mailboxes().await, ["A", "INBOX", "More/free"]);
    fixture
        .assert_barred(&[
            ("Gone", "leads nowhere", false),
            ("Loop", "looked at already", true),
            ("More/plus", "another account", true),
            ("Other", "another account", true),
            ("Others", "another account", true),
            ("Root", "the Maildir's root", true),
            ("Twice", "leads to A,", true),
            ("Up", "the Maildir lies in", true),
        ])
        .await;
}

#[tokio::test]
async fn what_a_disk_that_is_not_mounted_leaves_is_no_folder() {
    for follow in [FollowLinks::FromSetUp, FollowLinks::Always] {
        let mut fixture = Fixture::new(Layout::Nested, &[]).await;
        fs::create_dir_all(fixture.path("")).unwrap();
        make_folder(&fixture.outside("disk"));
        fixture.link(&fixture.outside("disk"), "Far");
        fixture.following(follow);
        fixture.account.folders().await.unwrap();
        fixture.set_up().await;
        let far = mailbox("Far");
        fixture.create(&far).await.unwrap();
        assert_eq!(fixture.mailboxes().await, ["Far", "INBOX"]);
        fs::rename(fixture.outside("disk"), fixture.outside("away")).unwrap();
        // By a process that has looked before, and then by one that has not.
        assert!(fixture.account.scan(&far).await.is_err());
        fixture.assert_barred(&[("Far", "mounted", false)]).await;
        fs::create_dir(fixture.outside("disk")).unwrap();
        fixture.assert_barred(&[("Far", "mounted", false)]).await;
        fixture.following(follow);
        assert!(fixture.create(&far).await.is_err(), "nothing is made in it");
        fs::remove_dir(fixture.outside("disk")).unwrap();
        fs::rename(fixture.outside("away"), fixture.outside("disk")).unwrap();
        assert_eq!(fixture.mailboxes().await, ["Far", "INBOX"]);
    }
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_meanwhile_is_not_followed() {
    let fixture = Fixture::new(Layout::Nested, &[]).await;
    fs::create_dir_all(fixture.path("")).unwrap();
    make_folder(&fixture.outside("far"));
    make_folder(&fixture.outside("else"));
    fixture.link(&fixture.outside("far"), "Far");
    fixture.account.folders().await.unwrap();
    fs::remove_file(fixture.path("Far")).unwrap();
    fixture.link(&fixture.outside("else"), "Far");
    assert!(fixture.account.scan(&mailbox("Far")).await.is_err());
}
