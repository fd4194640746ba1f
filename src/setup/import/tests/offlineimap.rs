//! offlineimaprc files of the kinds that people publish.

use super::*;

const HEAD: &str = "[general]\naccounts = work\npythonfile = ~/.offlineimap.py\n\n[Account work]\nlocalrepository = work-local\nremoterepository = work-remote\n";

fn repositories(local: &str, remote: &str) -> String {
    format!(
        "{HEAD}\n[Repository work-local]\ntype = Maildir\nlocalfolders = ~/Mail/work\n{local}\n\n\
         [Repository work-remote]\ntype = IMAP\nremotehost = imap.example.com\nremoteuser = alice\nremotepassfile = ~/.pw\n{remote}\n"
    )
}

#[test]
fn the_smallest_one() {
    let made = made(Tool::OfflineImap, &repositories("sep = /", "ssl = yes"));
    made.has("host = \"imap.example.com\"");
    made.has("password_file = \"~/.pw\"");
    made.has("maildir = \"~/Mail/work\"");
    assert_eq!(made.notes(), [0_usize; 0]);
}

#[test]
fn dots_between_levels_are_the_default() {
    let made = made_of(
        Tool::OfflineImap,
        &repositories("", ""),
        &["INBOX", "Archive.2026"],
    );
    assert_eq!(made.folder("work", "Archive/2026").unwrap(), "Archive.2026");
    made.says(9, "sep");
}

#[test]
fn gmail_with_dictionaries() {
    let text = "[general]\naccounts = gmail, second\n\n[Account gmail]\nlocalrepository = l\nremoterepository = r\nautorefresh = 5\n\
        postsynchook = notmuch new\nmaxage = 365\n\n[Repository l]\ntype = GmailMaildir\nlocalfolders = ~/Mail/gmail\nsep = /\n\
        nametrans = lambda f: {'sent': '[Gmail]/Sent Mail',\n    'trash': '[Gmail]/Trash'}.get(f, f)\n\n\
        [Repository r]\ntype = Gmail\nremoteuser = a@gmail.com\nremotepasseval = get_pass(\"gmail\")\n\
        nametrans = lambda f: {'[Gmail]/Sent Mail': 'sent', '[Gmail]/Trash': 'trash'}.get(f, f)\n\
        folderfilter = lambda f: f not in ['[Gmail]/All Mail',\n  '[Gmail]/Important']\nsslcacertfile = /etc/ssl/certs/ca-certificates.crt\nmaxconnections = 3\n";
    let made = made(Tool::OfflineImap, text);
    made.has("host = \"imap.gmail.com\"");
    made.has("mailboxes = [\"*\", \"![Gmail]/All Mail\", \"![Gmail]/Important\"]");
    made.has("poll = \"300s\"");
    made.has("connections = 3");
    assert_eq!(made.folder("gmail", "[Gmail]/Sent Mail").unwrap(), "sent");
    made.says(8, "hook");
    made.says(9, "whole mailboxes");
    made.says(21, "get_pass");
    made.says(0, "second");
}

#[test]
fn lists_take_in() {
    for filter in [
        "lambda folder: folder in ['INBOX', \"Sent Items\"]",
        "lambda f: f in ('INBOX', 'Sent Items',)",
    ] {
        let made = made(
            Tool::OfflineImap,
            &repositories("sep = /", &format!("folderfilter = {filter}")),
        );
        made.has("mailboxes = [\"INBOX\", \"Sent Items\"]");
    }
}

#[test]
fn other_python_is_named_and_quoted() {
    let remote = "folderfilter = lambda f: not re.search('Trash|All', f)\nnametrans = lambda f: re.sub('foo', 'bar', f)\n\
        remoteusereval = user()\ncert_fingerprint = 0123";
    let made = made(Tool::OfflineImap, &repositories("sep = /", remote));
    made.says(19, "re.search");
    made.says(20, "re.sub");
    made.says(21, "Python");
    made.says(22, "tls_pin_sha256");
}

#[test]
fn taking_the_namespace_away_needs_nothing() {
    let remote = "nametrans = lambda f: re.sub('^INBOX\\.', '', f)";
    let made = made(
        Tool::OfflineImap,
        &repositories(
            "sep = /\nnametrans = lambda f: re.sub('^', 'INBOX.', f)",
            remote,
        ),
    );
    assert_eq!(made.notes(), [0_usize; 0]);
}

#[test]
fn directions() {
    let made = made(
        Tool::OfflineImap,
        &repositories("sep = /\nsync_deletes = no", "readonly = yes\nexpunge = no"),
    );
    made.has("pull = [\"new\", \"flags\", \"mailboxes\"]");
    made.has("push = []");
    let made = made_of(
        Tool::OfflineImap,
        &repositories(
            "sep = /\nreadonly = True",
            "createfolders = False\nsync_deletes = no",
        ),
        &[],
    );
    made.has("pull = []");
    made.has("push = [\"new\", \"flags\", \"deletions\", \"moves\"]");
    made.has("deletions = \"never\"");
}

#[test]
fn a_password_in_the_file_is_not_printed() {
    let text = repositories(
        "sep = /",
        "remotepass = hunter2\nssl = no\nremoteport = 1143\nidlefolders = ['INBOX', 'x']",
    );
    let made = made(
        Tool::OfflineImap,
        &text.replace("remotepassfile = ~/.pw\n", ""),
    );
    made.has_not("hunter2");
    made.has("port = 1143");
    made.has("tls = \"starttls\"");
    made.has("idle = [\"INBOX\", \"x\"]");
    assert_eq!(made.document.passwords().len(), 1);
}

#[test]
fn oauth_and_a_prompt() {
    let text = repositories(
        "sep = /",
        "auth_mechanisms = XOAUTH2\noauth2_client_id = x\noauth2_refresh_token = secret-token",
    );
    let made = made(
        Tool::OfflineImap,
        &text.replace("remotepassfile = ~/.pw\n", ""),
    );
    made.says(19, "oauth2");
    made.has_not("secret-token");
    let text = repositories("sep = /", "");
    let made = made_of(
        Tool::OfflineImap,
        &text.replace("remotepassfile = ~/.pw\n", ""),
        &[],
    );
    made.says(14, "asks");
}

#[test]
fn two_servers_are_left_out() {
    let text = repositories("sep = /", "");
    let both = text.replace("type = Maildir", "type = IMAP");
    let context = Context {
        stem: "x",
        directory: "~",
        folders: &|_| Vec::new(),
    };
    assert!(matches!(
        Tool::OfflineImap.convert(&both, &context),
        Err(ImportError::Empty)
    ));
}
