//! A small IMAP server that behaves, until it is told to lie.

#![allow(clippy::too_many_lines, reason = "tables of lies and of answers")]
//!
//! It keeps its mail in memory, serves each connection on a thread of its own, and writes down every command. A lie is a
//! function that sees each command before the server does and may answer it in its own way.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;

use super::oracle::{Snapshot, digest};
use super::server::certify;

/// What the server offers if nobody says otherwise.
pub const USUAL: &str = "IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ UIDPLUS MOVE";
/// The same with what can resynchronise.
pub const QUICK: &str =
    "IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ UIDPLUS MOVE ENABLE CONDSTORE QRESYNC";

/// One message.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its UID.
    pub uid: u32,
    /// Its content.
    pub body: Vec<u8>,
}

/// One mailbox.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// Its name on the wire.
    pub name: String,
    /// Its UIDVALIDITY.
    pub uidvalidity: u32,
    /// Its UIDNEXT.
    pub uidnext: u32,
    /// Its messages, by UID.
    pub mails: Vec<Mail>,
}

/// What the server has and has heard.
#[derive(Debug)]
pub struct Account {
    /// What it offers.
    pub capabilities: String,
    /// Its mailboxes.
    pub boxes: Vec<Mailbox>,
    /// Every command without its tag; of AUTHENTICATE and LOGIN only the first word.
    pub heard: Vec<String>,
    /// Commands that came before TLS although the connection should have had it first.
    pub in_the_clear: Vec<String>,
}

impl Account {
    fn named(&mut self, name: &str) -> Option<&mut Mailbox> {
        self.boxes
            .iter_mut()
            .find(|one| one.name.eq_ignore_ascii_case(name))
    }
}

/// One command as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its tag.
    pub tag: String,
    /// Its name in upper case, `UID` included. `GREETING` for a connection that has just begun.
    pub verb: String,
    /// All behind its name.
    pub rest: String,
    /// Its literals.
    pub literals: Vec<Vec<u8>>,
}

/// What a lie made of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing: the server answers as always, after what was said.
    Truth,
    /// It was answered.
    All,
    /// The connection ends.
    Close,
}

/// Sees every command first.
pub type Lie = Arc<dyn Fn(&mut Talk, &Asked) -> Told + Send + Sync>;

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// In the clear, with STARTTLS if that is offered.
    Plain,
    /// With TLS.
    Tls,
}

/// A running server; its threads end with their connections and with the process.
pub struct Script {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it has and has heard.
    pub account: Arc<Mutex<Account>>,
    lie: Arc<Mutex<Option<Lie>>>,
    place: tempfile::TempDir,
}

impl Script {
    /// Starts one with six messages in INBOX and three in Box.
    pub fn start(wire: Wire, capabilities: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        certify(place.path());
        let account = Account {
            capabilities: capabilities.to_owned(),
            boxes: [
                ("INBOX", 6),
                ("Box", 3),
                ("Trash", 0),
                ("Archive", 2),
                ("Sent", 0),
            ]
            .map(|(name, count)| filled(name, count))
            .into(),
            heard: Vec::new(),
            in_the_clear: Vec::new(),
        };
        let account = Arc::new(Mutex::new(account));
        let lie: Arc<Mutex<Option<Lie>>> = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let tls = tls_settings(place.path());
        let (shared, lies) = (Arc::clone(&account), Arc::clone(&lie));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (account, lie, tls) = (
                    Arc::clone(&shared),
                    lies.lock().unwrap().clone(),
                    Arc::clone(&tls),
                );
                thread::spawn(move || {
                    let _ = serve(stream, wire, account, lie, tls);
                });
            }
        });
        Self {
            address,
            account,
            lie,
            place,
        }
    }

    /// The certificate it shows.
    pub fn certificate(&self) -> PathBuf {
        self.place.path().join("cert.pem")
    }

    /// Connections that begin from now on are lied to, or not any more.
    pub fn tell(&self, lie: Option<Lie>) {
        *self.lie.lock().unwrap() = lie;
    }

    /// A new message in a mailbox.
    pub fn add(&self, name: &str, body: Vec<u8>) {
        let mut account = self.account.lock().unwrap();
        let mailbox = account.named(name).unwrap();
        let uid = mailbox.uidnext;
        mailbox.uidnext += 1;
        mailbox.mails.push(Mail { uid, body });
    }

    /// What it has, without flags.
    pub fn snapshot(&self) -> Snapshot {
        let account = self.account.lock().unwrap();
        let each = account.boxes.iter().map(|mailbox| {
            let mut mails: Vec<_> = mailbox
                .mails
                .iter()
                .map(|mail| (digest(&mail.body), BTreeSet::new()))
                .collect();
            mails.sort();
            (mailbox.name.clone(), mails)
        });
        each.collect()
    }
}

fn filled(name: &str, count: u32) -> Mailbox {
    let mails = (1..=count).map(|uid| Mail {
        uid,
        body: super::message(&format!("{name} {uid}")),
    });
    Mailbox {
        name: name.into(),
        uidvalidity: 7,
        uidnext: count + 1,
        mails: mails.collect(),
    }
}

fn tls_settings(place: &std::path::Path) -> Arc<rustls::ServerConfig> {
    let chain =
        vec![rustls::pki_types::CertificateDer::from_pem_file(place.join("cert.pem")).unwrap()];
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(place.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(
        settings
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap(),
    )
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ServerConnection, TcpStream>>),
    Deflate(Box<Deflate>),
    Gone,
}

/// COMPRESS as a server speaks it, for small dialogues.
struct Deflate {
    below: TcpStream,
    decoder: flate2::Decompress,
    encoder: flate2::Compress,
    ready: Vec<u8>,
}

impl Deflate {
    fn new(below: TcpStream) -> Self {
        Self {
            below,
            decoder: flate2::Decompress::new(false),
            encoder: flate2::Compress::new(flate2::Compression::best(), false),
            ready: Vec::new(),
        }
    }
}

impl Read for Deflate {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let mut raw = [0; 4096];
            let count = self.below.read(&mut raw)?;
            if count == 0 {
                return Ok(0);
            }
            let mut input = &raw[..count];
            while !input.is_empty() {
                let before = self.decoder.total_in();
                let mut plain = Vec::with_capacity(1 << 16);
                let done =
                    self.decoder
                        .decompress_vec(input, &mut plain, flate2::FlushDecompress::Sync);
                done.map_err(io::Error::other)?;
                input = &input[(self.decoder.total_in() - before) as usize..];
                self.ready.extend(plain);
            }
        }
        let size = out.len().min(self.ready.len());
        out[..size].copy_from_slice(&self.ready[..size]);
        self.ready.drain(..size);
        Ok(size)
    }
}

impl Write for Deflate {
    fn write(&mut self, plain: &[u8]) -> io::Result<usize> {
        let mut rest = plain;
        loop {
            let before = self.encoder.total_in();
            let mut coded = Vec::with_capacity(1 << 16);
            let done = self
                .encoder
                .compress_vec(rest, &mut coded, flate2::FlushCompress::Sync);
            done.map_err(io::Error::other)?;
            rest = &rest[(self.encoder.total_in() - before) as usize..];
            self.below.write_all(&coded)?;
            if rest.is_empty() && coded.len() < 1 << 16 {
                return Ok(plain.len());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.below.flush()
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(out),
            Self::Tls(stream) => stream.read(out),
            Self::Deflate(stream) => stream.read(out),
            Self::Gone => Ok(0),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Tls(stream) => stream.write(octets),
            Self::Deflate(stream) => stream.write(octets),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Deflate(stream) => stream.flush(),
            Self::Gone => Ok(()),
        }
    }
}

/// One connection, as a lie sees it.
pub struct Talk {
    stream: BufReader<Stream>,
    tls: Arc<rustls::ServerConfig>,
    /// What the server has and has heard.
    pub account: Arc<Mutex<Account>>,
    /// Commands on this connection so far.
    pub count: usize,
    selected: String,
}

impl Talk {
    /// Says octets; false once nobody listens any more.
    pub fn say(&mut self, octets: impl AsRef<[u8]>) -> bool {
        let stream = self.stream.get_mut();
        stream
            .write_all(octets.as_ref())
            .and_then(|()| stream.flush())
            .is_ok()
    }

    /// Says the same until nobody listens any more, `pause` between one time and the next.
    pub fn go_on(&mut self, octets: &[u8], pause: Duration) -> Told {
        while self.say(octets) {
            thread::sleep(pause);
        }
        Told::Close
    }

    /// Waits until the other side hangs up.
    pub fn wait(&mut self) -> Told {
        let mut nothing = [0; 4096];
        while matches!(self.stream.read(&mut nothing), Ok(count) if count > 0) {}
        Told::Close
    }

    /// From now on there is TLS.
    pub fn encrypt(&mut self) {
        if let Stream::Plain(stream) = std::mem::replace(self.stream.get_mut(), Stream::Gone) {
            let connection = rustls::ServerConnection::new(Arc::clone(&self.tls)).unwrap();
            *self.stream.get_mut() =
                Stream::Tls(Box::new(rustls::StreamOwned::new(connection, stream)));
        }
    }

    /// From now on it is compressed.
    pub fn compress(&mut self) {
        if let Stream::Plain(stream) = std::mem::replace(self.stream.get_mut(), Stream::Gone) {
            *self.stream.get_mut() = Stream::Deflate(Box::new(Deflate::new(stream)));
        }
    }

    /// Whether there is TLS.
    pub fn is_private(&self) -> bool {
        matches!(self.stream.get_ref(), Stream::Tls(_))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn asked(&mut self) -> io::Result<Asked> {
        let mut line = self.line()?;
        let mut literals = Vec::new();
        let mut last = line.clone();
        while let Some(size) = super::proxy::literal(last.as_bytes()) {
            if !last.ends_with("+}") {
                self.say("+ go on\r\n");
            }
            let mut literal = vec![0; size];
            self.stream.read_exact(&mut literal)?;
            literals.push(literal);
            last = self.line()?;
            line.push_str(&last);
        }
        let (tag, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let words = if rest.to_ascii_uppercase().starts_with("UID ") {
            2
        } else {
            1
        };
        let end = rest
            .match_indices(' ')
            .nth(words - 1)
            .map_or(rest.len(), |(at, _)| at);
        let (verb, rest) = rest.split_at(end);
        Ok(Asked {
            tag: tag.into(),
            verb: verb.to_ascii_uppercase(),
            rest: rest.trim_start().into(),
            literals,
        })
    }

    /// Answers a command as a server should.
    pub fn answer(&mut self, asked: &Asked) -> Told {
        let tag = &asked.tag;
        let done = format!("{tag} OK done\r\n");
        let account = Arc::clone(&self.account);
        let mut account = account.lock().unwrap();
        let offered = account.capabilities.clone();
        let quick = offered.contains("QRESYNC");
        let text = match asked.verb.as_str() {
            "GREETING" => format!("* OK [CAPABILITY {offered}] ready\r\n"),
            "CAPABILITY" => format!("* CAPABILITY {offered}\r\n{done}"),
            "AUTHENTICATE" | "LOGIN" => format!("{tag} OK [CAPABILITY {offered}] welcome\r\n"),
            "STARTTLS" => {
                self.say(done);
                self.encrypt();
                return Told::All;
            }
            "COMPRESS" => {
                self.say(done);
                self.compress();
                return Told::All;
            }
            "ENABLE" if quick => format!("* ENABLED QRESYNC\r\n{done}"),
            "LIST" if asked.rest.starts_with("\"\" \"\"") => {
                format!("* LIST (\\Noselect) \"/\" \"\"\r\n{done}")
            }
            "LIST" => {
                let names = account.boxes.iter().map(|mailbox| {
                    let role = if mailbox.name == "Trash" {
                        "\\Trash"
                    } else {
                        ""
                    };
                    format!("* LIST ({role}) \"/\" \"{}\"\r\n", mailbox.name)
                });
                names.collect::<String>() + &done
            }
            "STATUS" => {
                let name = unquoted(&asked.rest);
                let Some(mailbox) = account.named(&name) else {
                    self.say(format!("{tag} NO there is none\r\n"));
                    return Told::All;
                };
                let modseq = if quick { " HIGHESTMODSEQ 10" } else { "" };
                format!(
                    "* STATUS \"{name}\" (MESSAGES {} UIDNEXT {} UIDVALIDITY {}{modseq})\r\n{done}",
                    mailbox.mails.len(),
                    mailbox.uidnext,
                    mailbox.uidvalidity
                )
            }
            "SELECT" => {
                let name = unquoted(&asked.rest);
                let Some(mailbox) = account.named(&name) else {
                    self.say(format!("{tag} NO there is none\r\n"));
                    return Told::All;
                };
                let modseq = if quick {
                    format!("* OK [HIGHESTMODSEQ {}] x\r\n", 10 + mailbox.uidnext)
                } else {
                    String::new()
                };
                self.selected = name;
                format!(
                    "* FLAGS (\\Seen \\Deleted \\Flagged \\Answered \\Draft)\r\n* OK [PERMANENTFLAGS (\\Seen \\Deleted \\Flagged \\Answered \\Draft \\*)] x\r\n\
                     * {} EXISTS\r\n* OK [UIDVALIDITY {}] x\r\n* OK [UIDNEXT {}] x\r\n{modseq}{tag} OK [READ-WRITE] selected\r\n",
                    mailbox.mails.len(),
                    mailbox.uidvalidity,
                    mailbox.uidnext
                )
            }
            "UID FETCH" => {
                let selected = self.selected.clone();
                let mails = account
                    .named(&selected)
                    .map(|mailbox| mailbox.mails.clone())
                    .unwrap_or_default();
                drop(account);
                for (at, mail) in mails.iter().enumerate() {
                    if covers(&asked.rest, mail.uid)
                        && !self.say(fetched(at + 1, mail, &asked.rest))
                    {
                        return Told::Close;
                    }
                }
                self.say(done);
                return Told::All;
            }
            "UID SEARCH" => {
                let selected = self.selected.clone();
                let mut text = String::from("* SEARCH");
                for mail in account
                    .named(&selected)
                    .iter()
                    .flat_map(|mailbox| &mailbox.mails)
                {
                    let _ = write!(text, " {}", mail.uid);
                }
                format!("{text}\r\n{done}")
            }
            "APPEND" => {
                let name = unquoted(&asked.rest);
                let Some(mailbox) = account.named(&name) else {
                    self.say(format!("{tag} NO [TRYCREATE] there is none\r\n"));
                    return Told::All;
                };
                let uid = mailbox.uidnext;
                mailbox.uidnext += 1;
                mailbox.mails.push(Mail {
                    uid,
                    body: asked.literals.last().cloned().unwrap_or_default(),
                });
                format!(
                    "{tag} OK [APPENDUID {} {uid}] stored\r\n",
                    mailbox.uidvalidity
                )
            }
            "LOGOUT" => {
                self.say(format!("* BYE bye\r\n{done}"));
                return Told::Close;
            }
            _ => done,
        };
        drop(account);
        self.say(text);
        Told::All
    }
}

fn unquoted(rest: &str) -> String {
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next().unwrap_or_default().to_owned(),
        None => rest.split(' ').next().unwrap_or_default().to_owned(),
    }
}

/// Whether a command that begins with a UID set means this UID.
pub fn covers(rest: &str, uid: u32) -> bool {
    let set = rest.split(' ').next().unwrap_or_default();
    set.split(',').any(|range| {
        let (low, high) = range.split_once(':').unwrap_or((range, range));
        let low: u32 = low.parse().unwrap_or(u32::MAX);
        low <= uid && high.parse().map_or(true, |high: u32| uid <= high)
    })
}

/// One FETCH response for what was asked.
pub fn fetched(seq: usize, mail: &Mail, asked: &str) -> Vec<u8> {
    let date = "INTERNALDATE \"12-Mar-2024 10:11:12 +0000\"";
    let uid = mail.uid;
    let body = &mail.body;
    let (head, part): (String, &[u8]) = if asked.contains("BODY.PEEK[]") {
        (format!("FLAGS () {date} BODY[]"), body)
    } else if asked.contains("HEADER.FIELDS") {
        let text = body
            .windows(11)
            .position(|here| here == b"Message-ID:")
            .map_or(&[][..], |at| &body[at..]);
        let end = text
            .iter()
            .position(|octet| *octet == b'\n')
            .map_or(0, |end| end + 1);
        (
            format!(
                "RFC822.SIZE {} {date} BODY[HEADER.FIELDS (MESSAGE-ID)]",
                body.len()
            ),
            &text[..end],
        )
    } else {
        return format!("* {seq} FETCH (UID {uid} FLAGS ())\r\n").into_bytes();
    };
    let mut line = format!("* {seq} FETCH (UID {uid} {head} {{{}}}\r\n", part.len()).into_bytes();
    line.extend_from_slice(part);
    line.extend_from_slice(b")\r\n");
    line
}

fn serve(
    stream: TcpStream,
    wire: Wire,
    account: Arc<Mutex<Account>>,
    lie: Option<Lie>,
    tls: Arc<rustls::ServerConfig>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let mut talk = Talk {
        stream: BufReader::new(Stream::Plain(stream)),
        tls,
        account,
        count: 0,
        selected: String::new(),
    };
    if wire == Wire::Tls {
        talk.encrypt();
    }
    let mut asked = Asked {
        tag: "*".into(),
        verb: "GREETING".into(),
        rest: String::new(),
        literals: Vec::new(),
    };
    loop {
        let told = lie
            .as_ref()
            .map_or(Told::Truth, |lie| lie(&mut talk, &asked));
        let told = if told == Told::Truth {
            talk.answer(&asked)
        } else {
            told
        };
        if told == Told::Close {
            return Ok(());
        }
        asked = talk.asked()?;
        talk.count += 1;
        let secret = ["AUTHENTICATE", "LOGIN"].contains(&asked.verb.as_str());
        let shown = if secret {
            asked.verb.clone()
        } else {
            format!("{} {}", asked.verb, asked.rest)
        };
        let private = talk.is_private();
        let mut account = talk.account.lock().unwrap();
        if !private && asked.verb != "STARTTLS" {
            account.in_the_clear.push(shown.clone());
        }
        account.heard.push(shown);
    }
}
