//! A proxy between mailferry and the server that cuts, holds back, chops and rewrites what passes, in plain text.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the server.
    Up,
    /// To mailferry.
    Down,
}

/// What happens at the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both connections are closed.
    Fin,
    /// Both connections are reset.
    Rst,
    /// Nothing passes any more, and nothing is closed.
    Hole,
    /// The client's connection is reset once its command is whole; the server gets the rest so much later.
    Late(Duration),
}

/// Where a connection ends: so many octets after the beginning of the line in which the client says `after`.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// What the client has to say first.
    pub after: &'static str,
    /// Whose octets are counted.
    pub way: Way,
    /// How many still pass.
    pub at: usize,
    /// And then.
    pub end: End,
}

/// Turns a line of the server, with its line end, into others. What is in literals is not shown.
pub type Rewrite = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How the proxy treats the connections that begin from now on.
#[derive(Clone, Default)]
pub struct Manners {
    /// Cut once.
    pub cut: Option<Cut>,
    /// Every octet by itself.
    pub chopped: bool,
    /// What the server says is changed.
    pub rewrite: Option<Rewrite>,
    /// What passes from the line on in which the client says this is written down.
    pub watch: Option<&'static str>,
}

#[derive(Default)]
struct State {
    manners: Manners,
    /// Cuts that were made, and those whose late octets the server has got.
    fired: usize,
    delivered: usize,
    /// What was written down, up and down.
    seen: (Vec<u8>, Vec<u8>),
}

/// A proxy to one server.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<Notify>,
}

impl Proxy {
    /// Starts one; it ends when dropped.
    pub fn to(server: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let stop = Arc::new(Notify::new());
        let (shared, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let accepted = tokio::select! {
                        () = stopped.notified() => return,
                        accepted = listener.accept() => accepted,
                    };
                    let Ok((client, _)) = accepted else { continue };
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        if let Ok(server) = TcpStream::connect(server).await {
                            Connection::new(client, server, shared).carry().await;
                        }
                    });
                }
            });
        });
        Self {
            address,
            state,
            stop,
        }
    }

    /// From now on it does this.
    pub fn behave(&self, manners: Manners) {
        let mut state = self.state.lock().unwrap();
        *state = State {
            manners,
            ..State::default()
        };
    }

    /// Whether the cut was made.
    pub fn fired(&self) -> bool {
        self.state.lock().unwrap().fired > 0
    }

    /// Whether the server has got what was held back.
    pub fn delivered(&self) -> bool {
        self.state.lock().unwrap().delivered > 0
    }

    /// What was written down: up, and down.
    pub fn seen(&self) -> (Vec<u8>, Vec<u8>) {
        self.state.lock().unwrap().seen.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    state: Arc<Mutex<State>>,
    manners: Manners,
    /// All that the client has said.
    said: Vec<u8>,
    /// Where in it the line began that was waited for.
    begun: Option<usize>,
    /// Octets from the server since then.
    answered: usize,
    lines: Lines,
}

/// The connection goes on, or has come to its end.
enum Step {
    On,
    Over,
}

impl Connection {
    fn new(client: TcpStream, server: TcpStream, state: Arc<Mutex<State>>) -> Self {
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let manners = state.lock().unwrap().manners.clone();
        Self {
            client,
            server,
            state,
            manners,
            said: Vec::new(),
            begun: None,
            answered: 0,
            lines: Lines::default(),
        }
    }

    async fn carry(mut self) {
        let (mut above, mut below) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            let step = tokio::select! {
                read = self.client.read(&mut above) => match read {
                    Ok(count) if count > 0 => self.up(&above[..count]).await,
                    _ => Step::Over,
                },
                read = self.server.read(&mut below) => match read {
                    Ok(count) if count > 0 => self.down(&below[..count]).await,
                    _ => Step::Over,
                },
            };
            if matches!(step, Step::Over) {
                return;
            }
        }
    }

    /// The cut, if it is still to be made.
    fn cut(&self) -> Option<Cut> {
        let made = self.state.lock().unwrap().fired > 0;
        self.manners.cut.filter(|_| !made)
    }

    fn listen(&mut self, octets: &[u8]) {
        self.said.extend_from_slice(octets);
        let word = self.cut().map(|cut| cut.after).or(self.manners.watch);
        let Some(word) = word.filter(|_| self.begun.is_none()) else {
            return;
        };
        let at = self
            .said
            .windows(word.len())
            .position(|here| here == word.as_bytes());
        self.begun = at.map(|at| {
            let line = self.said[..at].iter().rposition(|octet| *octet == b'\n');
            line.map_or(0, |end| end + 1)
        });
    }

    async fn up(&mut self, octets: &[u8]) -> Step {
        let before = self.said.len();
        self.listen(octets);
        if let (Some(begun), Some(_)) = (self.begun, self.manners.watch) {
            let fresh = &self.said[begun.max(before)..];
            self.state.lock().unwrap().seen.0.extend_from_slice(fresh);
        }
        if let (Some(begun), Some(cut)) = (self.begun, self.cut())
            && cut.way == Way::Up
            && self.said.len() >= begun + cut.at
        {
            let pass = (begun + cut.at).saturating_sub(before);
            let (pass, rest) = octets.split_at(pass.min(octets.len()));
            let _ = self.server.write_all(pass).await;
            return self.end(cut.end, rest.to_vec()).await;
        }
        give(&mut self.server, octets, self.manners.chopped).await
    }

    async fn down(&mut self, octets: &[u8]) -> Step {
        let changed = match &self.manners.rewrite {
            Some(rewrite) => self.lines.feed(octets, rewrite),
            None => octets.to_vec(),
        };
        if self.begun.is_some() {
            if self.manners.watch.is_some() {
                self.state
                    .lock()
                    .unwrap()
                    .seen
                    .1
                    .extend_from_slice(&changed);
            }
            let before = self.answered;
            self.answered += changed.len();
            if let Some(cut) = self.cut()
                && cut.way == Way::Down
                && self.answered >= cut.at
            {
                let pass = cut.at.saturating_sub(before).min(changed.len());
                let _ = self.client.write_all(&changed[..pass]).await;
                return self.end(cut.end, Vec::new()).await;
            }
        }
        give(&mut self.client, &changed, self.manners.chopped).await
    }

    async fn end(&mut self, end: End, rest: Vec<u8>) -> Step {
        self.state.lock().unwrap().fired += 1;
        match end {
            End::Fin => {
                let _ = self.client.shutdown().await;
                let _ = self.server.shutdown().await;
            }
            End::Rst => {
                let _ = (self.client.set_zero_linger(), self.server.set_zero_linger());
            }
            End::Hole => {
                let mut nothing = [0; 4096];
                while matches!(self.client.read(&mut nothing).await, Ok(count) if count > 0) {}
            }
            End::Late(delay) => self.deliver_late(rest, delay).await,
        }
        Step::Over
    }

    /// Takes the rest of the command, lets the client go, and hands the rest to the server after a while.
    async fn deliver_late(&mut self, mut rest: Vec<u8>, delay: Duration) {
        let begun = self.begun.unwrap_or(0);
        let mut buffer = vec![0; 1 << 16];
        while append_length(&self.said[begun..]).is_none_or(|whole| self.said.len() - begun < whole)
        {
            let Ok(count @ 1..) = self.client.read(&mut buffer).await else {
                return;
            };
            self.said.extend_from_slice(&buffer[..count]);
            rest.extend_from_slice(&buffer[..count]);
        }
        let _ = self.client.set_zero_linger();
        // Closing it is what resets it.
        let (gone, _) = loopback().await;
        drop(std::mem::replace(&mut self.client, gone));
        sleep(delay).await;
        let _ = self.server.write_all(&rest).await;
        let _ = self.server.read(&mut buffer).await;
        self.state.lock().unwrap().delivered += 1;
    }
}

async fn loopback() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (one, listener.accept().await.unwrap().0)
}

async fn give(to: &mut TcpStream, octets: &[u8], chopped: bool) -> Step {
    let size = if chopped { 1 } else { octets.len().max(1) };
    for piece in octets.chunks(size) {
        if to.write_all(piece).await.is_err() {
            return Step::Over;
        }
        if chopped {
            tokio::task::yield_now().await;
        }
    }
    Step::On
}

/// How long an APPEND is that begins here, once its header is whole.
pub fn append_length(octets: &[u8]) -> Option<usize> {
    let header = octets.iter().position(|octet| *octet == b'\n')? + 1;
    Some(header + literal(&octets[..header])? + 2)
}

/// The length in the literal header at the end of a line.
pub fn literal(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let (_, size) = text.strip_suffix('}')?.rsplit_once('{')?;
    size.trim_end_matches('+').parse().ok()
}

/// Cuts what the server says into lines, past literals.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    literal: usize,
}

impl Lines {
    fn feed(&mut self, mut octets: &[u8], rewrite: &Rewrite) -> Vec<u8> {
        let mut out = Vec::new();
        while !octets.is_empty() {
            let raw = self.literal.min(octets.len());
            out.extend_from_slice(&octets[..raw]);
            self.literal -= raw;
            octets = &octets[raw..];
            let Some(end) = octets.iter().position(|octet| *octet == b'\n') else {
                self.line.extend_from_slice(octets);
                break;
            };
            self.line.extend_from_slice(&octets[..=end]);
            octets = &octets[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.literal = literal(&line).unwrap_or(0);
            let text = String::from_utf8_lossy(&line);
            match rewrite(&text) {
                Some(other) => out.extend_from_slice(other.as_bytes()),
                None => out.extend_from_slice(&line),
            }
        }
        out
    }
}

#[test]
fn only_lines_of_the_server_are_rewritten() {
    let rewrite: Rewrite = Arc::new(|line| line.contains("OK").then(|| line.replace("OK", "NO")));
    let wire = b"* 1 FETCH (BODY[] {4}\r\nOK\r\nOK UID 3)\r\na1 OK done\r\n";
    for size in [1, 7, 100] {
        let mut lines = Lines::default();
        let out: Vec<u8> = wire
            .chunks(size)
            .flat_map(|piece| lines.feed(piece, &rewrite))
            .collect();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "* 1 FETCH (BODY[] {4}\r\nOK\r\nNO UID 3)\r\na1 NO done\r\n"
        );
    }
}
