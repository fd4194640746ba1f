//! A private Cyrus 3.6 on loopback, from Debian's packages unpacked by `tests/servers/install.sh`.
//!
//! Cyrus refuses to run as root, so that its programs must be where its user can reach them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::{Process, certify, free_address, hand_over, mail_user, open_directory};

/// A running Cyrus. Any password is right.
pub struct Cyrus {
    process: Option<Process>,
    place: tempfile::TempDir,
    /// Where it listens in plain text.
    pub plain: SocketAddr,
    /// Where it listens with TLS.
    pub tls: SocketAddr,
    /// Where it speaks POP3, with STLS.
    pub pop3: SocketAddr,
    /// Where it speaks POP3 over TLS.
    pub pop3s: SocketAddr,
}

impl Cyrus {
    /// Starts one.
    pub fn start() -> Self {
        let programs = programs();
        let place = open_directory();
        for directory in ["conf/db", "conf/proc", "conf/socket", "conf/log", "spool"] {
            fs::create_dir_all(place.path().join(directory)).unwrap();
        }
        certify(place.path());
        let (plain, tls) = (free_address(), free_address());
        let (pop3, pop3s) = (free_address(), free_address());
        let (imapd_conf, cyrus_conf) = (
            place.path().join("imapd.conf"),
            place.path().join("cyrus.conf"),
        );
        fs::write(&imapd_conf, configuration(place.path())).unwrap();
        let addresses = [plain, tls, pop3, pop3s];
        fs::write(&cyrus_conf, services(&programs, &imapd_conf, addresses)).unwrap();
        hand_over(place.path());
        let log = place.path().join("output");
        let mut command = Command::new(programs.join("usr/lib/cyrus/bin/master"));
        command
            .arg("-D")
            .arg("-C")
            .arg(&imapd_conf)
            .arg("-M")
            .arg(&cyrus_conf);
        command.arg("-p").arg(place.path().join("master.pid"));
        command.env("LD_LIBRARY_PATH", libraries(&programs));
        let mut process = Process::start(&mut command, &log);
        process.wait_for(plain, &log);
        Self {
            process: Some(process),
            place,
            plain,
            tls,
            pop3,
            pop3s,
        }
    }

    /// The certificate it shows.
    pub fn certificate(&self) -> PathBuf {
        self.place.path().join("cert.pem")
    }
}

impl Drop for Cyrus {
    fn drop(&mut self) {
        drop(self.process.take());
    }
}

fn programs() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers/cyrus");
    let places = [beside, PathBuf::from("/var/tmp/mailferry-servers/cyrus")];
    let found = places
        .into_iter()
        .find(|place| place.join("complete").exists());
    found.expect("Cyrus is missing; run: bash tests/servers/install.sh")
}

fn libraries(programs: &Path) -> String {
    let mut places = Vec::new();
    for parent in ["usr/lib", "lib"] {
        let Ok(entries) = fs::read_dir(programs.join(parent)) else {
            continue;
        };
        let directories = entries.map(|entry| entry.unwrap().path());
        places.extend(directories.filter(|path| path.to_string_lossy().ends_with("-linux-gnu")));
    }
    let places: Vec<String> = places
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    places.join(":")
}

fn configuration(place: &Path) -> String {
    let (user, _) = mail_user();
    let place = place.display();
    format!(
        "configdirectory: {place}/conf\npartition-default: {place}/spool\ndefaultpartition: default\n\
         cyrus_user: {user}\nallowplaintext: yes\nsasl_pwcheck_method: alwaystrue\nsasl_mech_list: PLAIN\n\
         unixhierarchysep: yes\naltnamespace: yes\nautocreate_quota: 0\nautocreate_post: yes\n\
         autocreate_users: anyone\nautocreate_inbox_folders: Sent|Trash|Drafts|Junk|Archive\n\
         xlist-sent: Sent\nxlist-trash: Trash\nxlist-drafts: Drafts\nxlist-junk: Junk\nxlist-archive: Archive\n\
         expunge_mode: immediate\ndelete_mode: immediate\nduplicatesuppression: no\n\
         suppress_capabilities: COMPRESS=DEFLATE\ntls_server_cert: {place}/cert.pem\n\
         tls_server_key: {place}/key.pem\nimapidlepoll: 1\nallowstarttls: yes\n"
    )
}

fn services(programs: &Path, config: &Path, addresses: [SocketAddr; 4]) -> String {
    let [plain, tls, pop3, pop3s] = addresses;
    let (bin, config) = (programs.join("usr/lib/cyrus/bin"), config.display());
    let bin = bin.display();
    format!(
        "START {{\n recover cmd=\"{bin}/ctl_cyrusdb -C {config} -r\"\n}}\nSERVICES {{\n \
         imap cmd=\"{bin}/imapd -C {config}\" listen=\"{plain}\" prefork=1 proto=\"tcp4\"\n \
         imaps cmd=\"{bin}/imapd -C {config} -s\" listen=\"{tls}\" prefork=0 proto=\"tcp4\"\n \
         pop3 cmd=\"{bin}/pop3d -C {config}\" listen=\"{pop3}\" prefork=0 proto=\"tcp4\"\n \
         pop3s cmd=\"{bin}/pop3d -C {config} -s\" listen=\"{pop3s}\" prefork=0 proto=\"tcp4\"\n}}\nEVENTS {{\n}}\n\
         DAEMON {{\n idled cmd=\"{bin}/idled -C {config}\"\n}}\n"
    )
}
