//! A small blocking IMAP client: the tests' own eyes and hands on the server.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::mailbox_name;
use super::oracle::{Digest, digest};

/// One untagged response: its text with `{n}` where a literal stood, and the literals.
#[derive(Debug)]
pub struct Response {
    /// The text.
    pub text: String,
    /// The literals in order.
    pub literals: Vec<Vec<u8>>,
}

/// One message as the server shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// Its UID.
    pub uid: u32,
    /// Its flags in lower case, without `\recent`.
    pub flags: BTreeSet<String>,
    /// Its content.
    pub digest: Digest,
}

/// A connection that is logged in.
pub struct Client {
    stream: BufReader<TcpStream>,
    tag: u32,
    delimiter: String,
    /// What stands before all names but INBOX.
    prefix: String,
}

impl Client {
    /// Connects in plain text and logs in.
    pub fn login(address: SocketAddr, user: &str, password: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut client = Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            tag: 0,
            delimiter: "/".into(),
            prefix: String::new(),
        };
        let greeting = client.response();
        assert!(greeting.text.starts_with("* OK"), "{}", greeting.text);
        client.ok(&format!("LOGIN {user} {password}"));
        let root = client.ok("LIST \"\" \"\"");
        let delimiter = root
            .iter()
            .find_map(|response| response.text.split('"').nth(1));
        client.delimiter = delimiter.expect("a delimiter").to_owned();
        let (told, _) = client.command("NAMESPACE");
        let prefix = told.iter().find_map(|response| {
            let personal = response.text.strip_prefix("* NAMESPACE ((\"")?;
            personal.split('"').next()
        });
        client.prefix = prefix.unwrap_or_default().to_owned();
        client
    }

    /// Sends a command and returns what came before its tagged reply, and that reply.
    pub fn command(&mut self, command: &str) -> (Vec<Response>, String) {
        let tag = self.send(command.as_bytes(), true);
        self.wait(&tag)
    }

    /// The same; the reply must be OK.
    pub fn ok(&mut self, command: &str) -> Vec<Response> {
        let (responses, reply) = self.command(command);
        assert!(reply.starts_with("OK"), "{command}: {reply}");
        responses
    }

    fn send(&mut self, command: &[u8], end: bool) -> String {
        self.tag += 1;
        let tag = format!("x{}", self.tag);
        let mut line = format!("{tag} ").into_bytes();
        line.extend_from_slice(command);
        if end {
            line.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&line).unwrap();
        tag
    }

    fn wait(&mut self, tag: &str) -> (Vec<Response>, String) {
        let mut responses = Vec::new();
        loop {
            let response = self.response();
            let tagged = response.text.strip_prefix(tag);
            if let Some(reply) = tagged.and_then(|rest| rest.strip_prefix(' ')) {
                return (responses, reply.to_owned());
            }
            responses.push(response);
        }
    }

    fn response(&mut self) -> Response {
        let (mut text, mut literals) = (String::new(), Vec::new());
        loop {
            let mut line = Vec::new();
            self.stream.read_until(b'\n', &mut line).unwrap();
            assert!(line.ends_with(b"\r\n"), "the server hung up: {text}");
            line.truncate(line.len() - 2);
            text.push_str(&String::from_utf8_lossy(&line));
            let Some(octets) = literal_at_end(&line) else {
                return Response { text, literals };
            };
            let mut literal = vec![0; octets];
            self.stream.read_exact(&mut literal).unwrap();
            literals.push(literal);
        }
    }

    /// Appends one message; the reply as it came.
    pub fn try_append(&mut self, mailbox: &str, flags: &str, body: &[u8]) -> String {
        let binary = if body.contains(&0) { "~" } else { "" };
        let command = format!(
            "APPEND {} ({flags}) \"12-Mar-2024 10:11:12 +0000\" {binary}{{{}}}",
            self.quoted(mailbox),
            body.len()
        );
        let tag = self.send(command.as_bytes(), true);
        let go = self.response().text;
        if !go.starts_with('+') {
            return go.strip_prefix(&format!("{tag} ")).unwrap_or(&go).into();
        }
        self.stream.get_mut().write_all(body).unwrap();
        self.stream.get_mut().write_all(b"\r\n").unwrap();
        self.wait(&tag).1
    }

    /// Appends one message.
    pub fn append(&mut self, mailbox: &str, flags: &str, body: &[u8]) {
        let reply = self.try_append(mailbox, flags, body);
        assert!(reply.starts_with("OK"), "APPEND: {reply}");
    }

    /// Appends messages that nobody has read, all of them at once.
    pub fn append_unseen(&mut self, mailbox: &str, messages: impl Iterator<Item = Vec<u8>>) {
        let mut command = format!("APPEND {}", self.quoted(mailbox)).into_bytes();
        for body in messages {
            command.extend_from_slice(format!(" {{{}+}}\r\n", body.len()).as_bytes());
            command.extend_from_slice(&body);
        }
        let tag = self.send(&command, true);
        let (_, reply) = self.wait(&tag);
        assert!(reply.starts_with("OK"), "APPEND: {reply}");
    }

    /// Appends many messages in few commands (RFC 3502, RFC 7888).
    pub fn append_many(&mut self, mailbox: &str, messages: impl Iterator<Item = Vec<u8>>) {
        let mut messages = messages.peekable();
        while messages.peek().is_some() {
            let mut command = format!("APPEND {}", self.quoted(mailbox)).into_bytes();
            for body in messages.by_ref().take(500) {
                command.extend_from_slice(format!(" (\\Seen) {{{}+}}\r\n", body.len()).as_bytes());
                command.extend_from_slice(&body);
            }
            let tag = self.send(&command, true);
            let (_, reply) = self.wait(&tag);
            assert!(reply.starts_with("OK"), "APPEND: {reply}");
        }
    }

    /// A mailbox name, `/` between levels, as a quoted string for the wire.
    pub fn quoted(&self, mailbox: &str) -> String {
        let prefix = if mailbox == "INBOX" { "" } else { &self.prefix };
        let name = mailbox_name::encode(mailbox).replace('/', &self.delimiter);
        let wire = format!("{prefix}{name}");
        format!("\"{}\"", wire.replace('\\', "\\\\").replace('"', "\\\""))
    }

    /// Creates a mailbox.
    pub fn create(&mut self, mailbox: &str) {
        self.ok(&format!("CREATE {}", self.quoted(mailbox)));
    }

    /// Selects a mailbox; how many messages it has.
    pub fn select(&mut self, mailbox: &str) -> u32 {
        let responses = self.ok(&format!("SELECT {}", self.quoted(mailbox)));
        let mut counts = responses.iter().filter_map(|response| {
            let words = response.text.strip_prefix("* ")?;
            words.strip_suffix(" EXISTS")?.parse().ok()
        });
        counts.next_back().unwrap_or(0)
    }

    /// Adds (`+`) or removes (`-`) flags of a UID set in the selected mailbox.
    pub fn store(&mut self, uids: &str, sign: char, flags: &str) {
        self.ok(&format!("UID STORE {uids} {sign}FLAGS ({flags})"));
    }

    /// Moves messages of the selected mailbox.
    pub fn rehome(&mut self, uids: &str, to: &str) {
        self.ok(&format!("UID MOVE {uids} {}", self.quoted(to)));
    }

    /// Every mailbox that can be selected.
    pub fn mailboxes(&mut self) -> Vec<String> {
        let responses = self.ok("LIST \"\" *");
        let names = responses.iter().filter_map(listed);
        let mut names: Vec<String> = names
            .map(|name| name.strip_prefix(&self.prefix).unwrap_or(&name).to_owned())
            .map(|name| name.replace(&self.delimiter, "/"))
            .collect();
        names.sort();
        names
    }

    /// Every message of a mailbox, body and all.
    pub fn messages(&mut self, mailbox: &str) -> Vec<Message> {
        // Somebody may expunge what is just being fetched (RFC 5530 section 3); all of it is then fetched anew.
        for _ in 0..100 {
            if self.select(mailbox) == 0 {
                return Vec::new();
            }
            let (mut responses, reply) = self.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[])");
            if reply.contains("[EXPUNGEISSUED]") {
                continue;
            }
            assert!(reply.starts_with("OK"), "FETCH: {reply}");
            responses.retain(|response| {
                response.text.contains(" FETCH ") && response.text.contains("BODY[")
            });
            return responses.iter().map(fetched).collect();
        }
        panic!("{mailbox} does not stand still");
    }

    /// The body of one message of the selected mailbox, as raw as the server has it.
    pub fn body(&mut self, uid: u32) -> Vec<u8> {
        let mut responses = self.ok(&format!("UID FETCH {uid} (BODY.PEEK[])"));
        responses.retain(|response| !response.literals.is_empty());
        let mut one = responses.pop().expect("a body");
        one.literals.pop().expect("a body")
    }
}

fn literal_at_end(line: &[u8]) -> Option<usize> {
    let inside = line.strip_suffix(b"}")?;
    let open = inside.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&inside[open + 1..]).ok()?.parse().ok()
}

fn listed(response: &Response) -> Option<String> {
    let rest = response.text.strip_prefix("* LIST (")?;
    let (attributes, rest) = rest.split_once(") ")?;
    let (_, name) = rest.split_once(' ')?;
    let lower = attributes.to_ascii_lowercase();
    if lower.contains("\\noselect") || lower.contains("\\nonexistent") {
        return None;
    }
    let name = match response.literals.first() {
        Some(literal) => String::from_utf8(literal.clone()).ok()?,
        None => name
            .trim_matches('"')
            .replace("\\\"", "\"")
            .replace("\\\\", "\\"),
    };
    Some(mailbox_name::decode(&name))
}

fn fetched(response: &Response) -> Message {
    let after = |mark: &str| {
        let (_, rest) = response.text.split_once(mark).expect("the item asked for");
        rest
    };
    let uid: String = after("UID ")
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let (flags, _) = after("FLAGS (").split_once(')').expect("flags end");
    let flags = flags
        .split_whitespace()
        .map(str::to_ascii_lowercase)
        .filter(|flag| flag != "\\recent")
        .collect();
    Message {
        uid: uid.parse().expect("a UID"),
        flags,
        digest: digest(response.literals.last().map_or(&[], Vec::as_slice)),
    }
}
