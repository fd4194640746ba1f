//! The kernel's own limits, and a volume that is unmounted: in a user namespace, where both can be had without harm.

use std::process::Command;

use super::*;

const WATCHES: &str = "/proc/sys/user/max_inotify_watches";
const INSTANCES: &str = "/proc/sys/user/max_inotify_instances";

/// Lowers (or raises) a limit of this namespace, and never that of the machine.
fn limit(file: &str, value: u32) {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap();
    let whole = map.split_whitespace().last() == Some("4294967295");
    assert!(!whole, "not in a user namespace: run `just namespaces`");
    fs::write(file, value.to_string()).unwrap();
}

fn run(program: &str, arguments: &[&str], path: &Path) {
    let status = Command::new(program).args(arguments).arg(path).status();
    assert!(status.unwrap().success(), "{program}");
}

#[tokio::test]
#[ignore = "needs a user namespace of its own: run by `just namespaces`"]
async fn the_limits_that_the_kernel_sets_are_met_and_raised() {
    let fixture = Fixture::nested().await;
    let open = || Box::new(inotify);
    limit(INSTANCES, 0);
    let account = &fixture.account;
    let mut watch = account.watch_with(open(), Duration::ZERO).await.unwrap();
    let coverage = watch.coverage();
    assert_eq!(coverage.unwatched, ["Archive/2026", "INBOX"].map(mailbox));
    let warning = &coverage.warnings[0];
    assert!(
        warning.contains("user.max_inotify_instances (now 0)"),
        "{warning}"
    );
    // The root and INBOX with all it has, and Archive.
    limit(WATCHES, 5);
    limit(INSTANCES, 100);
    assert_eq!(watch.next().await, [Hint::Everything]);
    let coverage = watch.coverage();
    assert_eq!(coverage.unwatched, [mailbox("Archive/2026")]);
    let warning = &coverage.warnings[0];
    assert!(
        warning.contains("user.max_inotify_watches (now 5)"),
        "{warning}"
    );
    limit(WATCHES, 100);
    until(&mut watch, &[at("Archive/2026")]).await;
    assert_eq!(watch.coverage(), LocalCoverage::default());
    settle(&mut watch).await;
    fixture.drop_in("Archive/2026", "1.a");
    assert_eq!(watch.drain().await, [at("Archive/2026")]);
}

#[tokio::test]
#[ignore = "needs a mount namespace of its own: run by `just namespaces`"]
async fn an_unmounted_root_is_told() {
    let fixture = Fixture::nested().await;
    let root = fixture.path("");
    run("mount", &["-t", "tmpfs", "none"], &root);
    fixture.account.mark_root(&marker("00ff")).await.unwrap();
    let (name, mark) = (mailbox("Mounted"), marker("0c"));
    let made = fixture.account.create_folder(&name, &mark);
    made.await.unwrap();
    let mut watch = fixture.account.watch().await.unwrap();
    fixture.drop_in("Mounted", "1.a");
    assert_eq!(watch.next().await, [at("Mounted")]);
    run("umount", &[], &root);
    until(&mut watch, &[Hint::Everything]).await;
    settle(&mut watch).await;
    // What was below is the root now, and is watched.
    fixture.drop_in("INBOX", "1.a");
    assert_eq!(watch.drain().await, [at("INBOX")]);
}
