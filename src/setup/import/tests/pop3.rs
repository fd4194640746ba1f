//! getmail, mpop and fetchmail.

use super::*;
use crate::auth::{Allowed, Mechanism};
use crate::config::{Keep, Layout, Pop3Account};

fn pop3<'m>(made: &'m Made, name: &str) -> &'m Pop3Account {
    match &made.account(name).protocol {
        Protocol::Pop3(pop3) => pop3,
        Protocol::Imap(_) => panic!("{name} is IMAP"),
    }
}

#[test]
fn getmail_over_pop3() {
    let made = made(
        Tool::Getmail,
        "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = pop.example.net\nusername = alice\nport = 995\n\
         password_command = (\"pass\", \"show\", \"old\")\n\n[destination]\ntype = Maildir\npath = ~/Mail/inbox/\n\n\
         [filter-1]\ntype = Filter_external\npath = /usr/bin/spamc\n\n\
         [options]\nread_all = false\ndelete = true\ndelete_after = 14\nmax_message_size = 1048576\nmax_bytes_per_session = 5\n",
    );
    let account = made.account("old");
    assert_eq!(account.layout, Layout::MaildirPlusPlus);
    assert_eq!(account.maildir, Path::new("/home/alice/Mail/inbox"));
    let pop3 = pop3(&made, "old");
    assert!(matches!(pop3.keep, Keep::Age(age) if age.as_secs() == 14 * 86_400));
    assert_eq!(pop3.max_message_size, Some(1_048_576));
    made.has("password_command = [\"pass\", \"show\", \"old\"]");
    made.says(12, "hook");
    made.says(21, "max_bytes_per_session");
}

#[test]
fn getmail_over_imap_only_fetches() {
    let made = made(
        Tool::Getmail,
        "[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = imap.example.net\nusername = alice\npassword = hunter2\n\
         mailboxes = (\"INBOX\", \"Lists\")\n\n[destination]\ntype = MDA_external\npath = /usr/bin/maildrop\n\n[options]\ndelete = true\n",
    );
    made.has("mailboxes = [\"INBOX\", \"Lists\"]");
    made.has("push = []");
    made.has_not("hunter2");
    made.says(8, "Maildir only");
    made.says(13, "not deleted");
}

#[test]
fn mpop_with_defaults_and_inheritance() {
    let made = made(
        Tool::Mpop,
        "# mine\ndefaults\ntls on\ntls_starttls off\nkeep on\n\n\
         account home\nhost pop.example.org\nuser bob\npasswordeval \"gpg -q -d ~/pw.gpg\"\ndelivery maildir ~/Mail/home\nkillsize 100\n\n\
         account work : home\nhost pop.work.example\nuser b@work.example\npassword hunter2\ndelivery mda \"/usr/bin/procmail\"\nkeep off\nauth apop\n\n\
         account default : home\n",
    );
    assert_eq!(made.config.accounts.len(), 2);
    assert_eq!(pop3(&made, "home").keep, Keep::Forever);
    assert_eq!(pop3(&made, "work").keep, Keep::Never);
    assert_eq!(
        made.account("work").auth,
        Allowed::only(vec![Mechanism::Apop])
    );
    made.has("password_command = [\"sh\", \"-c\", \"gpg -q -d ~/pw.gpg\"]");
    made.has_not("hunter2");
    made.has_not("starttls");
    made.says(12, "killsize");
    made.says(18, "Maildir only");
}

#[test]
fn fetchmail_in_any_order() {
    let made = made(
        Tool::Fetchmail,
        "set postmaster \"alice\"\nset daemon 300\ndefaults proto pop3, timeout 60\n\
         poll pop.example.com with proto POP3 and port 995\n  user 'alice@example.com' there with password \"hun ter2\" is alice here options ssl keep limit 50000\n  \
         mda \"/usr/bin/procmail -d %T\"\n\
         poll second.example.com via mail.example.com\n  user bob pass x no keep sslcertck fetchall\n\
         skip third.example.com proto imap user carol pass y\n",
    );
    let first = made.account("pop.example.com");
    assert_eq!(
        (first.user.as_str(), first.endpoint.port),
        ("alice@example.com", 995)
    );
    assert_eq!(pop3(&made, "pop.example.com").keep, Keep::Forever);
    assert_eq!(
        pop3(&made, "pop.example.com").max_message_size,
        Some(50_000)
    );
    assert_eq!(made.document.passwords()[0].secret.expose(), b"hun ter2");
    let second = made.account("second.example.com");
    assert_eq!(second.endpoint.host, "mail.example.com");
    assert_eq!(pop3(&made, "second.example.com").keep, Keep::Never);
    made.says(8, "fetchall");
    made.says(9, "IMAP");
    assert_eq!(made.config.accounts.len(), 2);
}
