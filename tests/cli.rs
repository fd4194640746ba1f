//! The program as users run it: what it prints, where, and how it exits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A home directory of its own, with a configuration in it.
struct Home(TempDir);

impl Home {
    fn new(config: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(home.config().parent().unwrap()).unwrap();
        fs::write(home.config(), config).unwrap();
        fs::set_permissions(home.config(), fs::Permissions::from_mode(0o600)).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn config(&self) -> PathBuf {
        self.path().join(".config/mailferry/config.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("mailferry").unwrap();
        command.env_clear().env("HOME", self.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

fn account(name: &str) -> String {
    format!(
        "[accounts.{name}]\nhost = \"imap.example.com\"\nuser = \"alice\"\npassword_command = [\"true\"]\n\
         maildir = \"~/Mail/{name}\"\n"
    )
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// `check --offline` of a good account with these lines added exits with 2, prints nothing on standard output, and
/// tells all these words.
#[track_caller]
fn assert_refused(lines: &str, words: &[&str]) {
    let home = Home::new(&format!("{}{lines}", account("work")));
    let output = home.run(&["check", "--offline"]);
    let told = err(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert_eq!(out(&output), "");
    let file = home.config().display().to_string();
    assert!(told.starts_with(&file), "{told}");
    assert!(told.contains('^'), "{told}");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in:\n{told}");
    }
}

#[test]
fn every_kind_of_mistake_names_place_key_and_remedy() {
    assert_refused(
        "port = \n",
        &["config.toml:6:", "accounts.work.port: not valid TOML"],
    );
    assert_refused(
        "pol = \"5m\"\n",
        &[
            "config.toml:6:1: accounts.work.pol: unknown key",
            "did you mean `poll`?",
        ],
    );
    assert_refused(
        "tls = \"implict\"\n",
        &[
            "config.toml:6:7: accounts.work.tls:",
            "did you mean \"implicit\"?",
        ],
    );
    assert_refused(
        "port = \"993\"\n",
        &["config.toml:6:8: accounts.work.port:", "found a string"],
    );
    assert_refused(
        "port = 0\n",
        &["config.toml:6:8: accounts.work.port:", "1 to 65535"],
    );
    assert_refused(
        "poll = \"5 minutes\"\n",
        &["config.toml:6:8: accounts.work.poll:", "minutes"],
    );
    assert_refused(
        "tls = \"none\"\n",
        &["config.toml:6:7: accounts.work.tls:", "in the clear"],
    );
    assert_refused(
        "mailboxes = [\"a//b\"]\n",
        &["accounts.work.mailboxes[0]:", "empty level"],
    );
    assert_refused(
        "password = \"hunter2\"\n",
        &["config.toml:6:1: accounts.work.password:", "conflicts"],
    );
    assert_refused(
        "[accounts.b]\n",
        &["config.toml:6:11: accounts.b.host: `host` is missing"],
    );
    assert_refused(
        &account("b").replace("~/Mail/b", "~/Mail/work/b"),
        &["accounts.b.maildir:", "lies inside"],
    );
    assert_refused(
        "[[hooks]]\nfile = \"x\"\nmemory = \"32\"\n",
        &["config.toml:8:10: hooks[0].memory:", "MiB"],
    );
}

#[test]
fn a_password_is_never_repeated() {
    for line in [
        "password = \"hunter2\"",
        "pasword = \"hunter2\"",
        "password = \"hunter2",
        "password = [\"hunter2\"]",
    ] {
        let home = Home::new(&format!("{}{line}\n", account("work")));
        let output = home.run(&["-vvv", "check", "--offline", "--json"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            !(err(&output) + &out(&output)).contains("hunter2"),
            "{line}"
        );
    }
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_refused() {
    let text = account("work").replace("password_command = [\"true\"]", "password = \"hunter2\"");
    let home = Home::new(&text);
    assert_eq!(home.run(&["check", "--offline"]).status.code(), Some(0));
    fs::set_permissions(home.config(), fs::Permissions::from_mode(0o640)).unwrap();
    let output = home.run(&["check", "--offline"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("chmod 600"), "{}", err(&output));
}

#[test]
fn no_configuration_is_a_configuration_error() {
    let home = Home::new("");
    fs::remove_file(home.config()).unwrap();
    for verb in ["sync", "run", "status"] {
        let output = home.run(&[verb]);
        assert_eq!(output.status.code(), Some(2), "{verb}");
        assert!(err(&output).contains("config.toml"), "{}", err(&output));
    }
}

#[test]
fn wrong_usage_exits_with_two() {
    let home = Home::new(&account("work"));
    for arguments in [
        &["snyc"][..],
        &[],
        &["sync", "--jsn"],
        &["-v", "-q", "man"],
        &["approve"],
        &["sync", "wrok"],
        &["sync", "work:"],
        &["check", "wrok", "--offline"],
        &["mailboxes", "wrok"],
        &["pause", "wrok"],
    ] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(out(&output), "", "{arguments:?}");
    }
    let told = err(&home.run(&["sync", "wrok:INBOX"]));
    assert!(told.contains("did you mean `work`?"), "{told}");
}

#[test]
fn check_offline_tells_what_it_understood() {
    let home = Home::new(&account("work"));
    let output = home.run(&["check", "--offline"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output)
            .contains("work: imap imap.example.com:993 (tls implicit), alice (password_command)")
    );
    assert_eq!(err(&output), "");

    let output = home.run(&["check", "work", "--offline", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["accounts"][0]["port"], 993);
    assert_eq!(json["accounts"][0]["server"], Value::Null);
    assert_eq!(json["mistakes"], serde_json::json!([]));
}

#[test]
fn files_that_are_missing_are_warned_of() {
    let text = account("work").replace(
        "password_command = [\"true\"]",
        "password_file = \"nowhere\"",
    );
    let home = Home::new(&text);
    let output = home.run(&["check", "--offline", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let warning = json["accounts"][0]["warnings"][0]["message"]
        .as_str()
        .unwrap();
    assert!(
        warning.contains("accounts.work.password_file") && warning.contains("nowhere"),
        "{warning}"
    );
}

#[test]
fn mistakes_come_as_json_too() {
    let home = Home::new(&format!("{}pol = \"5m\"\nport = 0\n", account("work")));
    let output = home.run(&["check", "--offline", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["mistakes"][0]["line"], 6);
    assert_eq!(json["mistakes"][0]["key"], "accounts.work.pol");
    assert_eq!(json["mistakes"][0]["help"], "did you mean `poll`?");
    assert_eq!(json["mistakes"][1]["column"], 8);
}

#[test]
fn pop3_accounts_know_the_same_verbs_and_one_mailbox() {
    let home = Home::new(&format!("{}protocol = \"pop3\"\n", account("old")));
    assert_eq!(home.run(&["check", "--offline"]).status.code(), Some(0));
    for verb in ["sync", "check"] {
        let output = home.run(&[verb, "old", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{verb}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = json["accounts"][0]["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{verb}: {problems:?}");
    }
    let output = home.run(&["mailboxes", "old", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["accounts"][0]["mailboxes"][0]["name"], "INBOX");
    let output = home.run(&["sync", "old:Archive"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("INBOX"), "{output:?}");
}

#[test]
fn completions_and_manual_are_printed_without_a_configuration() {
    let home = Home::new("broken");
    for shell in ["bash", "zsh", "fish"] {
        let output = home.run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = out(&output);
        for verb in ["sync", "approve", "mailboxes"] {
            assert!(script.contains(verb), "{shell} does not know {verb}");
        }
    }
    let output = home.run(&["man"]);
    assert_eq!(output.status.code(), Some(0));
    let page = out(&output);
    for word in [
        ".TH mailferry 1",
        ".SH COMMANDS",
        "dry\\-run",
        ".SH EXIT CODES",
    ] {
        assert!(page.contains(word), "{word:?} is not in the manual");
    }
}

#[test]
fn help_and_version_exit_with_zero() {
    let home = Home::new("");
    assert!(out(&home.run(&["--version"])).starts_with("mailferry "));
    let help = home.run(&["sync", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(out(&help).contains("ACCOUNT[:MAILBOX]"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new("");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = std::process::Command::new(assert_cmd::cargo::cargo_bin("mailferry"))
        .env_clear()
        .env("HOME", home.path())
        .args(["completions", "zsh"])
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), err(&output)),
        (Some(0), String::new())
    );
}

#[test]
fn the_shipped_example_is_valid() {
    let home = Home::new(include_str!("../config.example.toml"));
    let output = home.run(&["check", "--offline"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    // Its certificate exists nowhere, which is no mistake in the configuration.
    assert!(out(&output).contains("is valid"));
    assert!(
        out(&output).contains("warning: accounts.work.tls_ca_file"),
        "{}",
        out(&output)
    );
}

#[test]
fn another_configuration_is_read_with_c() {
    let home = Home::new("broken");
    let other = home.path().join("other.toml");
    fs::write(&other, account("work")).unwrap();
    let output = home.run(&["-c", other.to_str().unwrap(), "check", "--offline"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("other.toml"));
}

#[test]
fn a_hook_is_checked_and_tried_without_touching_mail() {
    let home = Home::new(&account("work"));
    let hook = home.path().join("my.lua");
    let mail = home.path().join("mail");
    fs::write(&mail, "From: a@example.org\nSubject: Hello\n\nbody\n").unwrap();
    fs::write(
        &hook,
        "mailferry.on(\"message.new\", function(msg)\n  msg:move_to(mailferry.options.folder)\n  msg:add_flags(\"seen\")\n\
         mailferry.exec {argv = {\"touch\", \"/nonexistent/x\"}}\nend)\n",
    )
    .unwrap();
    let (hook, mail) = (hook.to_str().unwrap(), mail.to_str().unwrap());
    let output = home.run(&["hooks", "check", hook, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["events"][0]["event"], "message.new");
    assert_eq!(report["needs"][0], "exec");
    let options = "{ folder = \"Lists\" }";
    let output = home.run(&[
        "hooks",
        "run",
        hook,
        "--message",
        mail,
        "--options",
        options,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(
        out(&output),
        "program: [\"touch\", \"/nonexistent/x\"]\nadd-flags \\Seen\nmove Lists\n"
    );
    let output = home.run(&["hooks", "run", hook, "--message", mail, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = report["errors"][0].as_str().unwrap();
    assert!(error.starts_with("my.lua:2: "), "{error}");
    let output = home.run(&[
        "hooks",
        "run",
        "otp",
        "--message",
        mail,
        "--event",
        "notification",
    ]);
    assert_eq!(out(&output), "notification (normal): Hello: body\\u{a}\n");
    // The flags are those of the name.
    let named = home.path().join("1700000000.R1.host:2,FS");
    fs::copy(mail, &named).unwrap();
    let text = "mailferry.on(\"message.new\", function(m) print(m.id, m.flags.seen, m.flags.flagged, m.flags.draft) end)";
    fs::write(home.path().join("flags.lua"), text).unwrap();
    let flags = home.path().join("flags.lua");
    let (named, flags) = (named.to_str().unwrap(), flags.to_str().unwrap());
    let output = home.run(&["hooks", "run", flags, "--message", named]);
    assert_eq!(out(&output), "log: 1700000000.R1.host true true nil\n");
    for (arguments, code, words) in [
        (
            &["hooks", "check", "/nonexistent.lua"][..],
            2,
            "/nonexistent.lua",
        ),
        (
            &["hooks", "run", hook, "--message", "/nonexistent"],
            2,
            "/nonexistent",
        ),
        (
            &["hooks", "run", hook, "--message", mail, "--event", "x"],
            2,
            "message.flags",
        ),
        (&["hooks", "check", mail], 1, "mail:1: "),
    ] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(err(&output).contains(words), "{}", err(&output));
        assert_eq!(out(&output), "");
    }
}

#[test]
fn a_plugin_that_is_not_shipped_and_a_capability_that_is_none_are_mistakes() {
    assert_refused(
        "[[hooks]]\nplugin = \"notmuc\"\n",
        &["notmuc", "did you mean \"notmuch\"?"],
    );
    assert_refused(
        "[[hooks]]\nplugin = \"spam\"\nallow = [\"net\"]\n",
        &["hooks", "read_body"],
    );
}

/// What a process leaves behind that has a session of its own, a parent that ended, and an empty environment.
#[test]
fn a_program_of_a_hook_is_killed_with_all_that_it_has_started_however_far_that_went() {
    let home = Home::new("");
    let mail = home.path().join("mail");
    fs::write(&mail, "Subject: x\n\n").unwrap();
    let escapes = format!(
        "cd {place}; \
         (setsid sh -c 'echo $$ >one; exec sleep 1000') & \
         (env -i /usr/bin/setsid /bin/sh -c '(echo $PPID >/dev/null; sh -c \"echo \\$\\$ >two; exec sleep 1000\" &)' &) & \
         (sleep 1000 & echo $! >three) & \
         while ! [ -s one -a -s two -a -s three ]; do sleep 0.05; done; touch ready; sleep 1000",
        place = home.path().display()
    );
    let script = format!(
        "mailferry.on(\"message.new\", function()\n\
         local r = mailferry.exec {{ argv = {{\"sh\", \"-c\", [[{escapes}]]}}, timeout = \"3s\" }}\n\
         print(r.ok, r.timed_out, r.signal)\n\
         r = mailferry.exec {{ argv = {{\"sh\", \"-c\", \"cat; echo no >&2; exit 3\"}}, stdin = \"yes\" }}\n\
         print(r.ok, r.status, r.signal, r.timed_out, r.stdout, r.stderr)\n\
         r = mailferry.exec {{ argv = {{\"sh\", \"-c\", \"kill -TERM $$\"}} }}\n\
         print(r.ok, r.status, r.signal, r.timed_out)\n\
         local none, why = mailferry.exec {{ argv = {{\"/nonexistent/program\"}} }}\n\
         print(none, why ~= nil)\n\
         none, why = mailferry.exec {{ argv = {{\"no-such-program\"}} }}\n\
         print(none, why ~= nil)\n\
         end)"
    );
    let hook = home.path().join("my.lua");
    fs::write(&hook, script).unwrap();
    let (hook, message) = (hook.to_str().unwrap(), mail.to_str().unwrap());
    let arguments = [
        "hooks",
        "run",
        hook,
        "--message",
        message,
        "--allow",
        "exec",
        "--json",
    ];
    let mut command = home.command(&arguments);
    let output = command.env("PATH", "/usr/bin:/bin").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let said: Vec<&str> = report["log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    assert_eq!(
        said,
        [
            "false true 9",
            "false 3 nil false yes no\\n",
            "false nil 15 false",
            "nil true",
            "nil true"
        ],
        "{}",
        err(&output)
    );
    assert!(
        home.path().join("ready").exists(),
        "it did not start what is to be killed"
    );
    for name in ["one", "two", "three"] {
        let process = fs::read_to_string(home.path().join(name)).unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.trim()));
        let ended = stat.map_or(true, |stat| stat.contains(") Z "));
        assert!(ended, "{name} lives");
    }
}

/// A home with programs that write down what they were asked, and say what the real ones say.
struct Filters {
    home: Home,
    mail: PathBuf,
}

impl Filters {
    fn new() -> Self {
        let home = Home::new("");
        let mail = home.path().join("mail");
        fs::write(&mail, "Subject: x\n\n").unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        Self { home, mail }
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("log")
    }

    fn fake(&self, name: &str, says: &str) {
        let file = self.home.path().join("bin").join(name);
        let log = self.log();
        let text = format!(
            "#!/bin/sh\necho {name} \"$@\" >>'{}'\n{says}\n",
            log.display()
        );
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What the plugin wants and complains of, and what the programs were asked.
    fn run(&self, filter: &str, event: &str, mailbox: &str) -> (String, String) {
        let options = format!("{{ filter = \"{filter}\" }}");
        let mail = self.mail.to_str().unwrap();
        let mut arguments = vec!["hooks", "run", "spam", "--message", mail];
        arguments.extend(["--options", &options, "--event", event]);
        arguments.extend(["--mailbox", mailbox, "--allow", "exec"]);
        let mut command = self.home.command(&arguments);
        let bin = self.home.path().join("bin");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let output = command.env("PATH", path).output().unwrap();
        let asked = fs::read_to_string(self.log()).unwrap_or_default();
        let _ = fs::remove_file(self.log());
        (out(&output) + &err(&output), asked)
    }
}

#[test]
fn the_spam_plugin_understands_spamassassin_and_rspamd() {
    let filters = Filters::new();
    let (assassin, rspamd) = (("spamassassin", "spamc"), ("rspamd", "rspamc"));
    for ((filter, program), says, verdict) in [
        (assassin, "cat >/dev/null; echo 7.5/5.0; exit 1", Some(true)),
        (assassin, "cat >/dev/null; echo 0.1/5.0", Some(false)),
        (assassin, "cat >/dev/null; echo 0/0; exit 1", None),
        (rspamd, "echo 'Action: reject'", Some(true)),
        (rspamd, "echo 'Action: no action'", Some(false)),
        (rspamd, "echo 'cannot connect' >&2; exit 1", None),
    ] {
        filters.fake(program, says);
        let (said, asked) = filters.run(filter, "message.new", "INBOX");
        assert!(asked.starts_with(program), "{asked}");
        let moves = said.contains("move Junk");
        assert_eq!(moves, verdict == Some(true), "{says}: {said}");
        let unsure = said.contains("no verdict");
        assert_eq!(unsure, verdict.is_none(), "{says}: {said}");
    }
    filters.fake("sa-learn", "");
    let (_, asked) = filters.run("spamassassin", "message.moved", "Junk");
    assert!(asked.starts_with("sa-learn --spam "), "{asked}");
    filters.fake("rspamc", "");
    let (_, asked) = filters.run("rspamd", "message.moved", "Junk");
    assert!(asked.starts_with("rspamc learn_spam "), "{asked}");
}

const MBSYNCRC: &str = "IMAPAccount work\nHost imap.example.com\nUser alice\nPass hunter2\nTLSType IMAPS\n\nIMAPStore r\nAccount work\n\n\
    MaildirStore l\nPath ~/Mail/other/\nInbox ~/Mail/other/Inbox\nSubFolders Verbatim\n\nChannel c\nFar :r:\nNear :l:\nPatterns *\n\
    MaxMessages 5\nCreate Both\nExpunge Both\n";

#[test]
fn import_prints_a_configuration_and_names_what_it_cannot_say() {
    let home = Home::new("");
    fs::remove_file(home.config()).unwrap();
    let absent = home.run(&["import", "mbsync"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(err(&absent).contains("~/.mbsyncrc"), "{}", err(&absent));
    fs::write(home.path().join(".mbsyncrc"), MBSYNCRC).unwrap();
    let printed = home.run(&["import", "mbsync"]);
    assert_eq!(printed.status.code(), Some(0), "{}", err(&printed));
    assert!(out(&printed).contains("[accounts.work.folders]\nINBOX = \"Inbox\"\n"));
    assert!(
        err(&printed).contains(".mbsyncrc:19: "),
        "{}",
        err(&printed)
    );
    for text in [out(&printed), err(&printed)] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(!home.config().exists());
    let unknown = home.run(&["import", "mutt"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn import_adds_to_a_configuration_and_takes_no_name_twice() {
    let home = Home::new(&format!("# mine\n{}", account("first")));
    fs::write(home.path().join(".mbsyncrc"), MBSYNCRC).unwrap();
    let written = home.run(&["import", "mbsync", "--write"]);
    assert_eq!(written.status.code(), Some(0), "{}", err(&written));
    let text = fs::read_to_string(home.config()).unwrap();
    assert!(text.starts_with("# mine\n[accounts.first]\n"), "{text}");
    assert!(text.contains("\n[accounts.work]\n"), "{text}");
    let password = home.path().join(".config/mailferry/work.password");
    assert_eq!(fs::read_to_string(&password).unwrap(), "hunter2\n");
    assert_eq!(
        fs::metadata(&password).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let checked = home.run(&["check", "--offline"]);
    assert_eq!(checked.status.code(), Some(0), "{}", err(&checked));
    let again = home.run(&["import", "mbsync", "--write"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(err(&again).contains("`work` already"), "{}", err(&again));
    assert_eq!(fs::read_to_string(home.config()).unwrap(), text);
}

#[test]
fn check_looks_at_hooks_and_at_the_maildir() {
    let hook = "[[hooks]]\nfile = \"broken.lua\"\n\n[[hooks]]\nplugin = \"notmuch\"\n\n[[hooks]]\nplugin = \"otp\"\nallow = [\"read_body\"]\n";
    let home = Home::new(&format!("{}\n{hook}", account("work")));
    let broken = home.config().with_file_name("broken.lua");
    fs::write(&broken, "mailferry.on(\n").unwrap();
    fs::write(home.path().join("Mail"), "a file").unwrap();
    let output = home.run(&["check", "--offline", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let warning = report["accounts"][0]["warnings"][0]["message"]
        .as_str()
        .unwrap();
    assert!(warning.contains("accounts.work.maildir"), "{warning}");
    let errors: Vec<_> = report["hooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hook| &hook["error"])
        .collect();
    assert!(
        errors[0].as_str().unwrap().contains("broken.lua:"),
        "{errors:?}"
    );
    assert!(errors[1].as_str().unwrap().contains("exec"), "{errors:?}");
    assert!(errors[2].is_null(), "{errors:?}");
    assert!(err(&output).contains("notmuch"), "{}", err(&output));
}

#[test]
fn without_a_configuration_one_is_shown() {
    let home = Home::new("");
    fs::remove_file(home.config()).unwrap();
    let output = home.run(&["status"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err(&output).contains("there is no configuration yet"),
        "{}",
        err(&output)
    );
    assert!(
        err(&output).contains("[accounts.work]\n"),
        "{}",
        err(&output)
    );
}

#[test]
fn words_of_other_programs_lead_to_ours() {
    for (lines, words) in [
        ("username = \"x\"\n", &["did you mean `user`?"][..]),
        ("patterns = [\"*\"]\n", &["did you mean `mailboxes`?"]),
        (
            "poll = \"5 minutes\"\n",
            &["`minutes` is not a unit; write 5m"],
        ),
        (
            "mailboxes = [\"INBOX\", \"!INBOX\"]\n",
            &["takes no mailbox in at all"],
        ),
        (
            "[hooks]\nplugin = \"vip\"\n",
            &["write `[[hooks]]`, with two brackets"],
        ),
    ] {
        assert_refused(lines, words);
    }
    let home = Home::new(&account("work").replace("~/Mail/work", "$HOME/Mail"));
    let output = home.run(&["check", "--offline"]);
    assert!(
        err(&output).contains("names a variable"),
        "{}",
        err(&output)
    );
}
