//! Copying a text: whichever program the session has for it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What stands for a session, and the programs that copy what they read in it.
const PROGRAMS: [(&str, &str, &[&str]); 3] = [
    ("WAYLAND_DISPLAY", "wl-copy", &[]),
    ("DISPLAY", "xclip", &["-selection", "clipboard"]),
    ("DISPLAY", "xsel", &["--clipboard", "--input"]),
];
/// They go on in the background at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether there is a program that can do it: a button that does nothing is worse than none.
#[must_use]
pub fn can_copy() -> bool {
    program().is_some()
}

type Program = (PathBuf, &'static [&'static str]);

fn program() -> Option<Program> {
    let path = std::env::var_os("PATH")?;
    find(&path, |session| {
        std::env::var_os(session).is_some_and(|value| !value.is_empty())
    })
}

fn find(path: &OsStr, has: impl Fn(&str) -> bool) -> Option<Program> {
    PROGRAMS.iter().find_map(|(session, name, arguments)| {
        let mut places = std::env::split_paths(path).map(|place| place.join(name));
        let found = places.find(|file| has(session) && file.is_file())?;
        Some((found, *arguments))
    })
}

/// Copies a text.
///
/// # Errors
/// For people: there is no program, or it did not go well.
pub(super) async fn copy(text: &str) -> Result<(), String> {
    match program() {
        Some(program) => feed(program, text).await,
        None => Err("there is no wl-copy, xclip or xsel".to_owned()),
    }
}

async fn feed((program, arguments): Program, text: &str) -> Result<(), String> {
    let shown = program.display().to_string();
    let failed = |error: std::io::Error| format!("{shown}: {error}");
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read it says so by how it ends.
        let _ = stdin.write_all(text.as_bytes()).await;
    }
    match tokio::time::timeout(PATIENCE, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{shown} ended with {status}")),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(format!("{shown} does not end")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn the_program_of_the_session_reads_the_text() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().as_os_str();
        assert_eq!(find(path, |_| true), None);
        for name in ["xsel", "wl-copy"] {
            let file = place.path().join(name);
            let text = format!("#!/bin/sh\ncat >'{}'/copied\n", place.path().display());
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(find(path, |_| false), None, "there is no session");
        let of = |session| find(path, |one| one == session).unwrap().0;
        assert!(of("DISPLAY").ends_with("xsel") && of("WAYLAND_DISPLAY").ends_with("wl-copy"));
        feed(find(path, |_| true).unwrap(), "482913").await.unwrap();
        let copied = std::fs::read(place.path().join("copied")).unwrap();
        assert_eq!(copied, b"482913");
        std::fs::write(place.path().join("wl-copy"), "#!/bin/sh\nexit 3\n").unwrap();
        let failed = feed(find(path, |_| true).unwrap(), "x").await;
        assert!(failed.unwrap_err().ends_with("exit status: 3"));
    }
}
