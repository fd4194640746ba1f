//! A POP3 server that does as it is told: honest, but for what a test has it lie about.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A letter on the server.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its name; an empty one is not told.
    pub uidl: String,
    /// What LIST says.
    pub size: usize,
    /// Its octets, with CRLF and without dots put in.
    pub body: Vec<u8>,
}

/// What a lie leads to.
pub enum Told {
    /// The truth follows.
    Truth,
    /// All was said.
    Said,
    /// The connection is closed.
    HangUp,
}

/// Is shown each command (the greeting is ""), and the connection.
pub type Lie = Arc<dyn Fn(&str, &mut TcpStream) -> Told + Send + Sync>;

#[derive(Default)]
struct State {
    letters: Vec<Held>,
    capabilities: Vec<&'static str>,
    lie: Option<Lie>,
    commands: Vec<String>,
}

/// The server.
pub struct Script {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Script {
    /// Starts one with these capabilities.
    pub fn start(capabilities: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            capabilities: capabilities.to_vec(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Self { address, state }
    }

    /// One with all that the program uses.
    pub fn able() -> Self {
        Self::start(&["UIDL", "TOP", "USER", "PIPELINING", "RESP-CODES"])
    }

    /// Puts a letter there, listed as it is.
    pub fn add(&self, uidl: &str, body: &[u8]) {
        self.put(Held {
            uidl: uidl.to_owned(),
            size: body.len(),
            body: body.to_vec(),
        });
    }

    /// Puts a letter there.
    pub fn put(&self, letter: Held) {
        self.state.lock().unwrap().letters.push(letter);
    }

    /// Changes what is there.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Held>)) {
        change(&mut self.state.lock().unwrap().letters);
    }

    /// What is there.
    pub fn held(&self) -> Vec<Vec<u8>> {
        let state = self.state.lock().unwrap();
        state.letters.iter().map(|it| it.body.clone()).collect()
    }

    /// From now on it lies so, or not at all.
    pub fn tell(&self, lie: Option<Lie>) {
        self.state.lock().unwrap().lie = lie;
    }

    /// Commands since this was last asked.
    pub fn commands(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().commands)
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    let mut output = stream;
    let letters = state.lock().unwrap().letters.clone();
    let mut gone = vec![false; letters.len()];
    let mut line = String::new();
    loop {
        let command = line.trim_end().to_owned();
        let lie = state.lock().unwrap().lie.clone();
        match lie.map_or(Told::Truth, |lie| lie(&command, &mut output)) {
            Told::Truth => {
                let answer = answer(&command, state, &letters, &mut gone);
                output.write_all(&answer)?;
            }
            Told::Said => {}
            Told::HangUp => return output.shutdown(std::net::Shutdown::Both),
        }
        if command == "QUIT" {
            return Ok(());
        }
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        state
            .lock()
            .unwrap()
            .commands
            .push(line.trim_end().to_owned());
    }
}

fn answer(command: &str, state: &Mutex<State>, letters: &[Held], gone: &mut [bool]) -> Vec<u8> {
    let mut words = command.split(' ');
    let verb = words.next().unwrap_or_default();
    let number: usize = words.next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let at = number.wrapping_sub(1);
    let able = |name: &str| state.lock().unwrap().capabilities.contains(&name);
    let numbered = |line: &dyn Fn(usize, &Held) -> Option<String>| {
        let there = letters.iter().enumerate().filter(|(at, _)| !gone[*at]);
        let lines = there.filter_map(|(at, letter)| line(at + 1, letter));
        let text: String = lines.map(|line| format!("{line}\r\n")).collect();
        format!("+OK\r\n{text}.\r\n").into_bytes()
    };
    match (verb, letters.get(at)) {
        ("" | "USER" | "PASS" | "NOOP", _) => b"+OK\r\n".to_vec(),
        ("CAPA", _) => {
            let lines = state.lock().unwrap().capabilities.join("\r\n");
            format!("+OK\r\n{lines}\r\n.\r\n").into_bytes()
        }
        ("LIST", _) => numbered(&|n, letter| Some(format!("{n} {}", letter.size))),
        ("UIDL", _) if able("UIDL") => {
            numbered(&|n, letter| (!letter.uidl.is_empty()).then(|| format!("{n} {}", letter.uidl)))
        }
        ("RETR", Some(letter)) => [b"+OK\r\n".to_vec(), stuffed(&letter.body)].concat(),
        ("TOP", Some(letter)) if able("TOP") => {
            let end = letter.body.windows(4).position(|it| it == b"\r\n\r\n");
            let head = &letter.body[..end.map_or(letter.body.len(), |at| at + 4)];
            [b"+OK\r\n".to_vec(), stuffed(head)].concat()
        }
        ("DELE", Some(_)) => {
            gone[at] = true;
            b"+OK\r\n".to_vec()
        }
        ("QUIT", _) => {
            let mut state = state.lock().unwrap();
            let mut gone = gone.iter();
            state
                .letters
                .retain(|_| !gone.next().copied().unwrap_or(false));
            b"+OK\r\n".to_vec()
        }
        _ => b"-ERR\r\n".to_vec(),
    }
}

/// As a letter goes over the wire.
pub fn stuffed(body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (at, octet) in body.iter().enumerate() {
        if *octet == b'.' && (at == 0 || body[..at].ends_with(b"\r\n")) {
            wire.push(b'.');
        }
        wire.push(*octet);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}
