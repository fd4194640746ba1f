use super::*;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

const CANARY: &str = "canary-1f7b";

fn file(content: &str, mode: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

async fn load(path: &Path) -> Result<Secret, Error> {
    SecretSource::File(path.to_owned()).load().await
}

#[test]
fn nothing_shows_a_secret() {
    let secret = Secret::new(CANARY);
    let sources = [
        SecretSource::Plain(secret.clone()),
        SecretSource::Command(vec!["echo".into(), CANARY.into()]),
    ];
    assert_eq!(secret.expose(), CANARY.as_bytes());
    assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(..) Secret(..)");
    for source in sources {
        assert!(!format!("{source:?}{source:#?}").contains(CANARY));
    }
}

#[tokio::test]
async fn the_first_line_of_a_file_is_the_secret() {
    for (content, secret) in [
        ("pw", "pw"),
        ("pw\n", "pw"),
        ("pw\r\n", "pw"),
        (" p w \n\n", " p w "),
        ("pw\r\nuser: me\r\n", "pw"),
    ] {
        let (_keep, path) = file(content, 0o600);
        assert_eq!(load(&path).await.unwrap().expose(), secret.as_bytes());
    }
}

#[tokio::test]
async fn a_file_that_others_can_reach_is_refused_by_name() {
    for mode in [0o640, 0o604, 0o620, 0o602, 0o644] {
        let (_keep, path) = file(CANARY, mode);
        let error = load(&path).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Exposed { .. }), "{text}");
        assert!(text.contains(path.to_str().unwrap()) && text.contains(&format!("{mode:04o}")));
        assert!(!text.contains(CANARY));
    }
    let (_keep, path) = file(CANARY, 0o400);
    assert!(load(&path).await.is_ok());
}

#[tokio::test]
async fn an_empty_an_endless_and_a_missing_file_are_refused() {
    for empty in ["", "\n"] {
        let (_keep, path) = file(empty, 0o600);
        assert!(matches!(load(&path).await, Err(Error::Empty { .. })));
    }
    let (_keep, path) = file(&"x".repeat(LIMIT), 0o600);
    assert_eq!(load(&path).await.unwrap().expose().len(), LIMIT);
    for more in [LIMIT + 1, 10 * LIMIT] {
        let (_keep, path) = file(&"x".repeat(more), 0o600);
        assert!(matches!(load(&path).await, Err(Error::TooLong { .. })));
    }
    let (keep, path) = file("x", 0o600);
    fs::remove_file(&path).unwrap();
    let error = load(&path).await.unwrap_err();
    assert!(matches!(error, Error::File { .. }) && error.may_pass());
    assert!(matches!(
        load(keep.path()).await,
        Err(Error::NotAFile { .. })
    ));
}

#[test]
fn a_credential_is_a_name_in_the_directory_of_systemd() {
    let (keep, _path) = file("pw\n", 0o440);
    let directory = Some(keep.path().as_os_str().to_owned());
    let secret = credential("secret", directory.clone()).unwrap();
    assert_eq!(secret.expose(), b"pw");
    for name in [
        "",
        ".",
        "..",
        "../secret",
        "/etc/passwd",
        "a/b",
        "secret/",
        "./secret",
    ] {
        assert!(
            matches!(
                credential(name, directory.clone()),
                Err(Error::CredentialName { .. })
            ),
            "{name}"
        );
    }
    assert!(matches!(
        credential("secret", None),
        Err(Error::NoCredentials)
    ));
}
