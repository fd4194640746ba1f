//! Every way to sign in, against a real Dovecot with a service behind it that knows its access tokens.

mod tokens;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::dovecot::Dovecot;
use crate::support::server::{PASSWORD, Server, USER, open_directory, run};
use crate::support::{Ferry, message};
use tokens::Tokens;

const MECHANISMS: &str =
    "plain login apop cram-md5 scram-sha-1 scram-sha-256 external xoauth2 oauthbearer";

/// A Dovecot that knows all mechanisms, and what it takes to prove who one is.
struct Place {
    server: Server,
    tokens: Tokens,
    files: tempfile::TempDir,
}

impl Place {
    fn start() -> Self {
        let files = open_directory();
        let tokens = Tokens::start();
        client_certificate(files.path());
        let more = configuration(files.path(), &tokens);
        let server = Server::dovecot_with(&more);
        // All its parts are there once somebody has logged in.
        server.client().append("INBOX", "", &message("one"));
        Self {
            server,
            tokens,
            files,
        }
    }

    /// An account over TLS, IMAP or POP3, that proves itself with this.
    fn account(&self, pop3: bool, source: &str, keys: &str) -> Ferry {
        let trust = format!(
            "tls_ca_file = \"{}\"\n{keys}",
            self.server.certificate().display()
        );
        let ferry = if pop3 {
            Ferry::letters(self.server.pop3s(), &trust)
        } else {
            Ferry::with(self.server.tls(), &trust, "")
        };
        let password = format!("password = \"{PASSWORD}\"\n");
        if source != password {
            ferry.reconfigure(|text| text.replace(&password, source));
        }
        ferry
    }

    /// A command that prints what stands in a file.
    fn token_command(&self, token: &str) -> String {
        let file = self.files.path().join("token");
        fs::write(&file, token).unwrap();
        format!("token_command = [\"cat\", \"{}\"]\n", file.display())
    }
}

/// What Dovecot is told beside its usual configuration. It holds nobody up who failed before.
fn configuration(place: &Path, tokens: &Tokens) -> String {
    let introspection = format!("http://{}/introspect", tokens.address);
    let certificate = place.join("client.pem");
    let certificate = certificate.display();
    let common = format!(
        "auth_mechanisms = {MECHANISMS}\nauth_failure_delay = 0 secs\nauth_ssl_username_from_cert = yes\n\
         service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n"
    );
    if !Dovecot::is_old() {
        return format!(
            "{common}ssl_server_ca_file = {certificate}\nssl_server_request_client_cert = yes\nssl_server_require_crl = no\n\
             oauth2_introspection_mode = post\noauth2_introspection_url = {introspection}\n\
             oauth2_username_attribute = username\noauth2_active_attribute = active\noauth2_active_value = true\n\
             passdb oauth2 {{\n  mechanisms_filter = xoauth2 oauthbearer\n}}\n\
             passdb certificate {{\n  driver = static\n  mechanisms_filter = external\n  fields {{\n    nopassword = yes\n  }}\n}}\n"
        );
    }
    let oauth2 = place.join("oauth2.conf");
    let text = format!(
        "introspection_mode = post\nintrospection_url = {introspection}\nusername_attribute = username\n\
         active_attribute = active\nactive_value = true\n"
    );
    fs::write(&oauth2, text).unwrap();
    format!(
        "{common}ssl_ca = <{certificate}\nssl_require_crl = no\nssl_verify_client_cert = yes\n\
         passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {}\n}}\n\
         passdb {{\n  driver = static\n  mechanisms = external\n  args = nopassword=yes\n}}\n",
        oauth2.display()
    )
}

/// For Alice, signed by itself.
fn client_certificate(place: &Path) {
    let arguments = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN={USER} \
         -keyout client.key -out client.pem"
    );
    run(Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(place));
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(place.join("client.pem"), open).unwrap();
}

/// Logs in, and says by which way.
#[track_caller]
fn way(ferry: &Ferry) -> String {
    let outcome = ferry.run(&["check", "--json"]);
    outcome.exits(0);
    let report = outcome.json();
    let features = report["accounts"][0]["server"]["features"]
        .as_array()
        .unwrap();
    let login = features.iter().find(|one| one["note"] == "logging in");
    login.unwrap()["name"].as_str().unwrap().to_owned()
}

#[test]
fn every_mechanism_is_understood_by_imap_and_pop3() {
    let place = Place::start();
    let password = format!("password = \"{PASSWORD}\"\n");
    let token = place.token_command(place.tokens.issue());
    let files = place.files.path().display();
    let certificate = format!(
        "tls_client_cert = \"{files}/client.pem\"\ntls_client_key = \"{files}/client.key\"\n"
    );
    for (source, keys, expected) in [
        (&password, String::new(), "SCRAM-SHA-256"),
        (
            &password,
            "auth = [\"scram-sha-1\"]\n".into(),
            "SCRAM-SHA-1",
        ),
        (&password, "auth = [\"cram-md5\"]\n".into(), "CRAM-MD5"),
        (&password, "auth = [\"plain\"]\n".into(), "PLAIN"),
        (&token, String::new(), "OAUTHBEARER"),
        (&token, "auth = \"xoauth2\"\n".into(), "XOAUTH2"),
        (&certificate, String::new(), "EXTERNAL"),
    ] {
        let imap = place.account(false, source, &keys);
        assert_eq!(way(&imap), expected);
        let pop3 = place.account(true, source, &keys);
        assert_eq!(way(&pop3), format!("AUTH {expected}"));
    }
    let imap = place.account(false, &password, "auth = [\"login\"]\n");
    assert_eq!(way(&imap), "LOGIN");
    for (name, expected) in [("login", "USER"), ("apop", "APOP")] {
        let pop3 = place.account(true, &password, &format!("auth = [\"{name}\"]\n"));
        assert_eq!(way(&pop3), expected);
    }
    // And mail comes that way.
    place.account(false, &token, "").sync().in_sync();
}

#[test]
fn what_is_refused_is_refused_once_and_shows_no_secret() {
    let place = Place::start();
    for pop3 in [false, true] {
        let before = place.tokens.asked();
        let ferry = place.account(pop3, &place.token_command("t0ken-canary-of-a-test"), "");
        let running = ferry.start_with(&["-v", "check"], &[("MAILFERRY_LOG", "trace")]);
        let outcome = running.wait();
        outcome.exits(1);
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(said.contains("refused the access token"), "{said}");
        assert!(!said.contains("canary"), "the token is shown: {said}");
        // The program has no other: the server is not asked again.
        assert_eq!(place.tokens.asked(), before + 1);
        let canary = "password = \"wr0ng-canary-of-a-test\"\n";
        for mechanism in ["scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"] {
            let ferry = place.account(pop3, canary, &format!("auth = [\"{mechanism}\"]\n"));
            let running = ferry.start_with(&["-v", "check"], &[("MAILFERRY_LOG", "trace")]);
            let outcome = running.wait();
            outcome.exits(1);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(said.contains("refused the login"), "{said}");
            assert!(!said.contains("canary"), "the password is shown: {said}");
        }
    }
}
