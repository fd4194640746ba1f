//! The shipped user unit, as systemd reads it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

const UNIT: &str = include_str!("../systemd/mailferry.service");
const HARDENING: &str = include_str!("../systemd/hardening.conf");

/// Keys that systemd has from 254 on; before, it says that it leaves them out.
const YOUNG: [&str; 2] = ["'RestartSteps'", "'RestartMaxDelaySec'"];

/// The unit with this test's program, and drop-ins, alone in a directory.
fn unit(drop_in: Option<&str>) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_mailferry");
    let text = UNIT.replace("%h/.cargo/bin/mailferry", program);
    assert!(text.contains(&format!("\nExecStart={program} run\n")));
    let path = root.path().join("mailferry.service");
    fs::write(&path, text).unwrap();
    if let Some(text) = drop_in {
        let directory = root.path().join("mailferry.service.d");
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("hardening.conf"), text).unwrap();
    }
    (root, path)
}

fn analyze(arguments: &[&str], drop_in: Option<&str>) -> Output {
    let (root, path) = unit(drop_in);
    Command::new("systemd-analyze")
        .args(["--user", "--no-pager"])
        .args(arguments)
        .arg(path)
        .env("XDG_RUNTIME_DIR", root.path())
        .output()
        .unwrap()
}

/// What it complains of, other than of keys that it is too old for.
fn complaints(output: &Output) -> Vec<String> {
    let told = String::from_utf8_lossy(&output.stderr);
    let young =
        |line: &&str| line.contains("Unknown key") && YOUNG.iter().any(|key| line.contains(key));
    let lines = told.lines().filter(|line| !young(line));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_unit_is_understood() {
    for drop_in in [None, Some(HARDENING)] {
        let output = analyze(&["verify", "--man=no"], drop_in);
        assert_eq!(complaints(&output), Vec::<String>::new());
        assert!(output.status.success());
    }
    let output = analyze(
        &["verify", "--man=no"],
        Some("[Service]\nNoNewPriviliges=yes\n"),
    );
    assert_eq!(complaints(&output).len(), 1, "mistakes are seen");
}

#[test]
fn the_exposure_stays_low() {
    // In tenths. Most of what is left are capabilities, which a user unit does not have anyway.
    for (drop_in, most) in [(None, 67), (Some(HARDENING), 57)] {
        let threshold = format!("--threshold={most}");
        let output = analyze(&["security", "--offline=yes", &threshold], drop_in);
        let table = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{table}");
        assert!(table.contains("Overall exposure level"), "{table}");
    }
}
