//! Opening a message in the user's mail program.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::bubble::{Detail, Member};

/// What stands for the message's file, and for its folder, in the user's command.
const PATH: &str = "{path}";
const FOLDER: &str = "{folder}";

/// Starts the user's command, or the desktop's mail program, and waits for its end.
///
/// # Errors
/// For people: it cannot be started, or did not go well.
pub(super) async fn open(
    member: &Member,
    detail: &Detail,
    command: &[String],
    token: Option<String>,
) -> Result<(), String> {
    let found = match (&detail.path, &member.local) {
        (Some(path), Some(local)) => {
            let (path, local) = (path.clone(), local.as_bytes().to_vec());
            tokio::task::spawn_blocking(move || present(&path, &local))
                .await
                .ok()
                .flatten()
        }
        _ => None,
    };
    let words = match (command, &detail.message_id, found) {
        ([], Some(id), _) => vec!["xdg-open".into(), mid(id).into()],
        (_, _, None) => return Err("the message is not in its folder any more".to_owned()),
        ([], None, Some(path)) => vec!["xdg-open".into(), path.into_os_string()],
        (words, _, Some(path)) => fill_in(words, &path),
    };
    run(&words, token).await
}

/// The file as it is called now: its flags are part of its name, and `new` is left when a mail program has seen it.
fn present(path: &Path, local: &[u8]) -> Option<PathBuf> {
    if path.exists() {
        return Some(path.to_owned());
    }
    let folder = path.parent()?.parent()?;
    let mut found = ["cur", "new"].iter().filter_map(|directory| {
        let files = std::fs::read_dir(folder.join(directory)).ok()?;
        files.flatten().map(|file| file.path()).find(|file| {
            let name = file.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
            name.strip_prefix(local)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b":"))
        })
    });
    found.next()
}

/// The URL of a message (RFC 2392 section 2).
fn mid(message_id: &str) -> String {
    let mut url = "mid:".to_owned();
    for byte in message_id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@$+!*".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// The user's words with the file in them; at the end if they do not say where.
fn fill_in(words: &[String], path: &Path) -> Vec<OsString> {
    let folder = path.parent().and_then(Path::parent).unwrap_or(path);
    let mut filled: Vec<OsString> = words
        .iter()
        .map(|word| {
            let word = replace(word.as_bytes(), PATH, path);
            OsString::from_vec(replace(&word, FOLDER, folder))
        })
        .collect();
    if !words
        .iter()
        .any(|word| word.contains(PATH) || word.contains(FOLDER))
    {
        filled.push(path.into());
    }
    filled
}

fn replace(word: &[u8], what: &str, path: &Path) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest
        .windows(what.len())
        .position(|window| window == what.as_bytes())
    {
        let (before, after) = rest.split_at(at);
        replaced.extend_from_slice(before);
        replaced.extend_from_slice(path.as_os_str().as_bytes());
        rest = after.get(what.len()..).unwrap_or_default();
    }
    replaced.extend_from_slice(rest);
    replaced
}

async fn run(words: &[OsString], token: Option<String>) -> Result<(), String> {
    let [program, arguments @ ..] = words else {
        return Err("there is no command".to_owned());
    };
    let shown = program.to_string_lossy();
    let mut command = Command::new(program);
    // A group of its own: what ends us at a terminal leaves it alone.
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0);
    if let Some(token) = token {
        command
            .env("XDG_ACTIVATION_TOKEN", &token)
            .env("DESKTOP_STARTUP_ID", &token);
    }
    match command.status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown} ended with {status}")),
        Err(error) => Err(format!("{shown} cannot be started: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_never_more_than_a_url() {
        assert_eq!(mid("a.b+c@example.org"), "mid:a.b+c@example.org");
        assert_eq!(
            mid("a/b?c#d&e%f@x\"'`;"),
            "mid:a%2Fb%3Fc%23d%26e%25f@x%22%27%60%3B"
        );
    }

    #[test]
    fn the_file_goes_where_the_user_says_or_to_the_end() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let path = Path::new("/m/INBOX/cur/1.x:2,S");
        assert_eq!(
            fill_in(&words(&["show", "--x"]), path),
            ["show", "--x", "/m/INBOX/cur/1.x:2,S"]
        );
        assert_eq!(
            fill_in(&words(&["mutt", "-f", "{folder}"]), path),
            ["mutt", "-f", "/m/INBOX"]
        );
        assert_eq!(
            fill_in(&words(&["show", "file={path};", "x"]), path),
            ["show", "file=/m/INBOX/cur/1.x:2,S;", "x"]
        );
    }

    #[test]
    fn a_file_is_found_under_its_new_name_and_no_other() {
        let root = tempfile::tempdir().unwrap();
        for directory in ["cur", "new"] {
            std::fs::create_dir(root.path().join(directory)).unwrap();
        }
        let told = root.path().join("new/1.x");
        std::fs::write(root.path().join("cur/1.x2:2,"), "").unwrap();
        assert_eq!(present(&told, b"1.x"), None);
        let moved = root.path().join("cur/1.x:2,S");
        std::fs::write(&moved, "").unwrap();
        assert_eq!(present(&told, b"1.x"), Some(moved));
        std::fs::write(&told, "").unwrap();
        assert_eq!(present(&told, b"1.x"), Some(told));
    }
}
