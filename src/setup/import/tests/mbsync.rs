//! mbsyncrc files of the kinds that people publish.

use super::*;

/// The most common one: one account, everything, both ways.
#[test]
fn one_account_with_everything() {
    let made = made(
        Tool::Mbsync,
        r#"
IMAPAccount work
# Address to connect to
Host imap.example.com
User alice@example.com
PassCmd "+gpg --quiet --for-your-eyes-only --decrypt ~/.mail/pw.gpg"
SSLType IMAPS
CertificateFile /etc/ssl/certs/ca-certificates.crt
AuthMechs LOGIN

IMAPStore work-remote
Account work

MaildirStore work-local
SubFolders Verbatim
# The trailing "/" is important
Path ~/.mail/work/
Inbox ~/.mail/work/INBOX

Channel work
Far :work-remote:
Near :work-local:
Patterns *
Create Both
Expunge Both
SyncState *
"#,
    );
    made.has("host = \"imap.example.com\"");
    made.has("maildir = \"~/.mail/work\"");
    made.has("deletions = \"expunge\"");
    made.has_not("layout");
    made.has_not("folders");
    made.has_not("pull");
    assert_eq!(made.notes(), [0_usize; 0]);
    assert_eq!(made.account("work").endpoint.port, 993);
}

/// Gmail, a channel for each mailbox whose name differs, and a group.
#[test]
fn gmail_with_a_channel_for_each_mailbox() {
    let made = made(
        Tool::Mbsync,
        r#"
Create Near
Expunge Both
SyncState *

IMAPAccount gmail
Host imap.gmail.com
User alice@gmail.com
PassCmd "pass show gmail"
TLSType IMAPS

IMAPStore gmail-remote
Account gmail

MaildirStore gmail-local
Path ~/Mail/gmail/
Inbox ~/Mail/gmail/Inbox
SubFolders Verbatim

Channel gmail-default
Far :gmail-remote:
Near :gmail-local:
Patterns "INBOX" "work*"

Channel gmail-sent
Far :gmail-remote:"[Gmail]/Sent Mail"
Near :gmail-local:sent

Channel gmail-trash
Far :gmail-remote:"[Gmail]/Trash"
Near :gmail-local:trash
Create Both

Group gmail
Channel gmail-default
Channel gmail-sent
Channel gmail-trash
"#,
    );
    made.has("mailboxes = [\"INBOX\", \"work*\", \"[Gmail]/Sent Mail\", \"[Gmail]/Trash\"]");
    assert_eq!(made.folder("gmail", "[Gmail]/Sent Mail").unwrap(), "sent");
    assert_eq!(made.folder("gmail", "INBOX").unwrap(), "Inbox");
    made.has("push = [\"new\", \"flags\", \"deletions\", \"moves\"]");
    made.says(32, "whole account");
}

/// Names from before 1.4, Maildir++, IMAPS in the host, and a password in the clear.
#[test]
fn an_old_one_with_masters_and_slaves() {
    let made = made(
        Tool::Mbsync,
        "IMAPStore remote\nHost imaps:mail.example.org\nUser bob\nPass hunter2\n\n\
         MaildirStore local\nInbox ~/Maildir\nSubFolders Maildir++\n\n\
         Channel all\nMaster :remote:\nSlave :local:\nPatterns * !Junk !\"Old stuff\"\nCreate Both\nRemove Both\nExpunge Slave\nSync Pull\n",
    );
    made.has("[accounts.remote]");
    made.has("host = \"mail.example.org\"");
    made.has("layout = \"maildir++\"");
    made.has("maildir = \"~/Maildir\"");
    made.has("mailboxes = [\"*\", \"!Junk\", \"!Old stuff\"]");
    made.has("push = [\"mailboxes\"]");
    made.has("deletions = \"never\"");
    made.has_not("hunter2");
    made.says(4, "in the clear");
}

/// `PullNew`, `PushFlags` and the like.
#[test]
fn compound_operations() {
    let operations = |sync: &str| {
        let text = format!(
            "IMAPStore r\nHost h\nUser u\nPassCmd pass\nTLSType IMAPS\n\nMaildirStore l\nPath ~/m/\nInbox ~/m/INBOX\n\nChannel c\nFar :r:\nNear :l:\n\
             Patterns *\nCreate Both\nExpunge Both\nSync {sync}\n"
        );
        let made = made(Tool::Mbsync, &text);
        let line = |key: &str| {
            let start = format!("{key} = ");
            let line = made
                .text
                .lines()
                .find_map(|line| line.strip_prefix(&start).map(str::to_owned));
            line.unwrap_or_else(|| "all".to_owned())
        };
        (line("pull"), line("push"))
    };
    let all = || "all".to_owned();
    assert_eq!(operations("All"), (all(), all()));
    assert_eq!(operations("Full"), (all(), all()));
    assert_eq!(
        operations("None"),
        ("[\"mailboxes\"]".into(), "[\"mailboxes\"]".into())
    );
    assert_eq!(operations("Pull"), (all(), "[\"mailboxes\"]".into()));
    assert_eq!(
        operations("New Flags"),
        (
            "[\"new\", \"flags\", \"mailboxes\"]".into(),
            "[\"new\", \"flags\", \"mailboxes\"]".into()
        )
    );
    assert_eq!(
        operations("PullNew PullFlags Push"),
        ("[\"new\", \"flags\", \"mailboxes\"]".into(), all())
    );
    assert_eq!(
        operations("Pull Gone"),
        (
            "[\"deletions\", \"mailboxes\"]".into(),
            "[\"mailboxes\"]".into()
        )
    );
}

/// Tunnels, keychains, limits and what else has nothing like it are named with their lines.
#[test]
fn what_cannot_be_carried_over_is_named() {
    let made = made(
        Tool::Mbsync,
        "IMAPAccount t\nTunnel \"ssh host imapd\"\nUser u\nUseKeychain yes\nPipelineDepth 1\nDisableExtension MOVE\nTimeout 120\n\n\
         IMAPStore r\nAccount t\nSubscribedOnly yes\nUseNamespace no\n\n\
         MaildirStore l\nPath ~/m/\nInbox ~/m/INBOX\nSubFolders Legacy\nTrash Trash\nAltMap yes\nInfoDelimiter ;\n\n\
         Channel c\nFar :r:\nNear :l:\nPatterns *\nMaxMessages 500\nCopyArrivalDate yes\n",
    );
    for line in [2, 4, 11, 12, 17, 18, 20, 26] {
        assert!(
            made.notes().contains(&line),
            "line {line}: {:?}",
            made.document.notes()
        );
    }
    made.has("disable_extensions = [\"MOVE\"]");
    made.has("timeout = \"120s\"");
    made.has("password_file = \"~/.config/mailferry/t.password\"");
}

/// `Flatten .`: the folders that exist keep their names.
#[test]
fn flat_names_on_disk() {
    let made = made_of(
        Tool::Mbsync,
        "IMAPStore r\nHost h\nUser u\nPassCmd pass\nPort 993\n\n\
         MaildirStore l\nPath ~/Mail/\nInbox ~/Mail/INBOX\nFlatten .\n\nChannel c\nFar :r:\nNear :l:\nPatterns *\nExpunge Far\n",
        &["INBOX", "Archive.2026", "Sent"],
    );
    assert_eq!(made.folder("r", "Archive/2026").unwrap(), "Archive.2026");
    made.says(10, "Flatten");
}

/// One server, two Maildirs: two accounts.
#[test]
fn two_stores_on_one_account() {
    let made = made(
        Tool::Mbsync,
        "IMAPAccount a\nHost h\nUser u\nPassCmd pass\nSSLType STARTTLS\n\nIMAPStore r\nAccount a\n\nIMAPStore r2\nAccount a\nPath INBOX.\n\n\
         MaildirStore l1\nPath ~/one/\nInbox ~/one/INBOX\n\nMaildirStore l2\nPath ~/two/\nInbox ~/two/INBOX\n\n\
         Channel c1\nFar :r:\nNear :l1:\nPatterns * !Sent\nExpunge Both\n\nChannel c2\nNear :l2:\nFar :r2:Sent\n",
    );
    made.has("[accounts.a]");
    made.has("[accounts.a-2]");
    made.has("tls = \"starttls\"");
    assert_eq!(made.folder("a-2", "Sent").unwrap(), "INBOX");
}

/// INBOX beside the root cannot be reached by a name below it.
#[test]
fn inbox_elsewhere() {
    let made = made(
        Tool::Mbsync,
        "IMAPStore r\nHost h\nUser u\nPassCmd pass\nPort 993\n\nMaildirStore l\nPath ~/Mail/work/\nInbox ~/Mail/inbox\n\nChannel c\nFar :r:\nNear :l:\nPatterns *\nExpunge Both\n",
    );
    made.says(9, "ln -s");
}

/// mbsync without Patterns syncs a single mailbox.
#[test]
fn only_inbox() {
    let made = made(
        Tool::Mbsync,
        "IMAPStore r\nHost 127.0.0.1\nUser u\nPass x\nSSLType None\n\nMaildirStore l\nInbox ~/Mail/INBOX\n\nChannel c\nFar :r:\nNear :l:\nExpunge Both\n",
    );
    made.has("mailboxes = [\"INBOX\"]");
    made.has("tls = \"none\"");
    made.has("maildir = \"~/Mail\"");
}

/// Between two IMAP servers there is no Maildir.
#[test]
fn a_channel_between_two_servers_is_left_out() {
    let made = made(
        Tool::Mbsync,
        "IMAPStore a\nHost h\nUser u\nPassCmd pass\nPort 993\n\nIMAPStore b\nHost h2\nUser u\nPassCmd pass\n\nMaildirStore l\nPath ~/m/\nInbox ~/m/INBOX\n\n\
         Channel ab\nFar :a:\nNear :b:\nPatterns *\n\nChannel al\nFar :a:\nNear :l:\nPatterns *\n",
    );
    made.says(16, "does not connect");
    assert_eq!(made.config.accounts.len(), 1);
}
