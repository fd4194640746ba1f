//! A relay between mailferry and the server that counts and listens, and holds everything up when told to.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Default)]
struct State {
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
    held: AtomicBool,
    /// So many connections at a time; 0 for any number.
    room: AtomicU64,
    /// Connections up to this one lead nowhere any more.
    stranded: AtomicU64,
    /// All that were made since the relay began.
    made: AtomicU64,
    open: AtomicU64,
    /// The most that were open at a time.
    most: AtomicU64,
    /// Closed before they were greeted.
    turned_away: AtomicU64,
    commands: Mutex<Vec<String>>,
    clients: Mutex<Vec<TcpStream>>,
}

impl State {
    /// A connection begins; its number.
    fn begin(&self, client: &TcpStream) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(open, Ordering::Relaxed);
        let client = client.try_clone().unwrap();
        self.clients.lock().unwrap().push(client);
        self.made.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A connection is over, whoever ended it.
    fn end(&self, client: &TcpStream) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        let peer = client.peer_addr().ok();
        let mut clients = self.clients.lock().unwrap();
        clients.retain(|one| one.peer_addr().ok() != peer);
    }

    fn is_full(&self) -> bool {
        let room = self.room.load(Ordering::Relaxed);
        room > 0 && self.open.load(Ordering::Relaxed) >= room
    }

    fn holds(&self, number: u64) -> bool {
        self.held.load(Ordering::Relaxed) || number <= self.stranded.load(Ordering::Relaxed)
    }
}

/// A relay to one server.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

impl Relay {
    /// Starts one. Its threads end with their connections and with the process.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.is_full() {
                    shared.turned_away.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else {
                    continue;
                };
                carry_both(client, server, &shared);
            }
        });
        Self { address, state }
    }

    /// Forgets what went by so far.
    pub fn reset(&self) {
        self.state.up.store(0, Ordering::Relaxed);
        self.state.down.store(0, Ordering::Relaxed);
        self.state.connections.store(0, Ordering::Relaxed);
        self.state.commands.lock().unwrap().clear();
    }

    /// Octets from the server since then.
    pub fn down(&self) -> u64 {
        self.state.down.load(Ordering::Relaxed)
    }

    /// Octets to the server since then.
    pub fn up(&self) -> u64 {
        self.state.up.load(Ordering::Relaxed)
    }

    /// Connections since then.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Command lines since then, without tags; only in plain text.
    pub fn commands(&self) -> Vec<String> {
        self.state.commands.lock().unwrap().clone()
    }

    /// From now on it hangs up on whoever comes while so many connections are open.
    pub fn make_room(&self, room: u64) {
        self.state.room.store(room, Ordering::Relaxed);
    }

    /// On how many it hung up.
    pub fn turned_away(&self) -> u64 {
        self.state.turned_away.load(Ordering::Relaxed)
    }

    /// Lets nothing through any more, or everything again.
    pub fn hold(&self, held: bool) {
        self.state.held.store(held, Ordering::Relaxed);
    }

    /// Lets nothing through any more on the connections there are, without a word to anybody.
    pub fn strand(&self) {
        let made = self.state.made.load(Ordering::Relaxed);
        self.state.stranded.store(made, Ordering::Relaxed);
    }

    /// Resets the connections there are; how many.
    pub fn break_all(&self) -> usize {
        let clients: Vec<TcpStream> = self.state.clients.lock().unwrap().drain(..).collect();
        for client in &clients {
            // Says RST, whoever else holds the socket.
            rustix::net::connect_unspec(client).unwrap();
        }
        clients.len()
    }

    /// The most connections that were open at a time.
    pub fn most(&self) -> u64 {
        self.state.most.load(Ordering::Relaxed)
    }

    /// Command lines that hold one of these words.
    pub fn commands_with(&self, words: &[&str]) -> Vec<String> {
        let holds = |line: &String| {
            let upper = line.to_ascii_uppercase();
            words.iter().any(|word| upper.contains(word))
        };
        self.commands().into_iter().filter(holds).collect()
    }

    /// No message went up or came down.
    pub fn assert_no_body(&self) {
        let bodies = self.commands_with(&[
            "APPEND ",
            "BODY[]",
            "BODY.PEEK[]",
            "BINARY[]",
            "BINARY.PEEK[]",
            "RFC822)",
        ]);
        assert!(bodies.is_empty(), "bodies travelled: {bodies:#?}");
    }

    /// Command lines that change something on the server.
    pub fn writes(&self) -> Vec<String> {
        self.commands_with(&[
            "APPEND ",
            "STORE ",
            "COPY ",
            "MOVE ",
            "EXPUNGE",
            "CREATE ",
            "RENAME ",
            "DELETE ",
            "SUBSCRIBE ",
        ])
    }

    /// Somebody looked, and changed nothing on the server.
    pub fn assert_nothing_written(&self) {
        let written = self.writes();
        assert!(written.is_empty(), "something was written: {written:#?}");
        assert!(self.connections() > 0, "nobody even looked");
    }
}

fn carry_both(client: TcpStream, server: TcpStream, state: &Arc<State>) {
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let number = state.begin(&client);
    let (up_from, up_to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let shared = Arc::clone(state);
    thread::spawn(move || {
        let mut listener = Commands::default();
        carry(
            &up_from,
            up_to,
            || shared.holds(number),
            |octets| {
                shared.up.fetch_add(octets.len() as u64, Ordering::Relaxed);
                listener.hear(octets, &shared.commands);
            },
        );
        shared.end(&up_from);
    });
    let shared = Arc::clone(state);
    thread::spawn(move || {
        carry(
            &server,
            client,
            || shared.holds(number),
            |octets| {
                shared
                    .down
                    .fetch_add(octets.len() as u64, Ordering::Relaxed);
            },
        );
    });
}

fn carry(
    mut from: &TcpStream,
    mut to: TcpStream,
    held: impl Fn() -> bool,
    mut seen: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(octets) = from.read(&mut buffer) {
        while held() {
            thread::sleep(Duration::from_millis(5));
        }
        seen(&buffer[..octets]);
        if octets == 0 || to.write_all(&buffer[..octets]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Cuts a client's octets into command lines and leaves the literals out.
#[derive(Default)]
struct Commands {
    line: Vec<u8>,
    heard: usize,
    literal: usize,
}

impl Commands {
    fn hear(&mut self, mut octets: &[u8], lines: &Mutex<Vec<String>>) {
        while !octets.is_empty() {
            let skipped = self.literal.min(octets.len());
            self.literal -= skipped;
            octets = &octets[skipped..];
            let Some(end) = octets.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(octets);
                return;
            };
            self.line.extend_from_slice(&octets[..=end]);
            octets = &octets[end + 1..];
            // What stands before the literal that has just ended announces nothing any more.
            self.literal = announced(self.line.get(self.heard..).unwrap_or_default());
            self.heard = self.line.len();
            if self.literal == 0 {
                let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
                let command = line
                    .split_once(' ')
                    .map_or_else(|| line.clone(), |(_, rest)| rest.to_owned());
                lines.lock().unwrap().push(command);
                self.line.clear();
                self.heard = 0;
            }
        }
    }
}

fn announced(line: &[u8]) -> usize {
    let text = String::from_utf8_lossy(line);
    let size = text
        .trim_end()
        .strip_suffix('}')
        .and_then(|text| text.rsplit_once('{'));
    let size = size.map(|(_, size)| size.trim_end_matches('+'));
    size.and_then(|size| size.parse().ok()).unwrap_or(0)
}

#[test]
fn the_relay_hears_commands_and_skips_literals() {
    let lines = Mutex::default();
    let mut commands = Commands::default();
    let wire = b"a1 NOOP\r\na2 APPEND x {9+}\r\nEXPUNGE\r\n\r\na3 UID FETCH 1 (BODY.PEEK[])\r\n";
    for octet in wire.chunks(3) {
        commands.hear(octet, &lines);
    }
    let heard = lines.into_inner().unwrap();
    assert_eq!(
        heard,
        ["NOOP", "APPEND x {9+}", "UID FETCH 1 (BODY.PEEK[])"]
    );
}
