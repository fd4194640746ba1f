//! A scripted server: what the client must send, byte for byte, and what it gets for it.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::capabilities::Capabilities;
use super::session::{Session, SessionOptions};
use crate::engine::Fault;
use crate::engine::ports::{BodySink, BodySource};
use crate::mail::{Flags, Uid, UidSet};

pub(super) type Client = Session<DuplexStream>;

/// How the server plays its script.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    /// Octets that are under way at most.
    pub buffer: usize,
    /// Close the stream after this many octets of the last reply.
    pub cut: Option<usize>,
}

pub(super) const PLAIN: Manner = Manner {
    buffer: 1 << 16,
    cut: None,
};

pub(super) type Step = (String, Vec<u8>);

pub(super) fn step(expect: &str, reply: &str) -> Step {
    (
        expect.replace('\n', "\r\n"),
        reply.replace('\n', "\r\n").into_bytes(),
    )
}

async fn serve(mut stream: DuplexStream, steps: &[Step], manner: Manner) -> Result<(), String> {
    for (at, (expect, reply)) in steps.iter().enumerate() {
        let mut sent = vec![0; expect.len()];
        let mut got = 0;
        while got < sent.len() {
            let count = stream
                .read(&mut sent[got..])
                .await
                .map_err(|error| error.to_string())?;
            if count == 0 {
                break;
            }
            got += count;
        }
        if sent[..got] != *expect.as_bytes() {
            return Err(format!(
                "expected {expect:?}, got {:?}",
                sent[..got].escape_ascii().to_string()
            ));
        }
        let last = at + 1 == steps.len();
        let size = manner.cut.filter(|_| last).unwrap_or(reply.len());
        stream
            .write_all(&reply[..size])
            .await
            .map_err(|error| error.to_string())?;
    }
    if manner.cut.is_none() {
        let mut more = Vec::new();
        stream
            .read_to_end(&mut more)
            .await
            .map_err(|error| error.to_string())?;
        if !more.is_empty() {
            return Err(format!("unexpected {:?}", more.escape_ascii().to_string()));
        }
    }
    Ok(())
}

/// Plays a script against a session that does `act`; checks that everything expected was sent, if not cut.
pub(super) fn play<R>(
    capabilities: &str,
    steps: &[Step],
    manner: Manner,
    act: impl AsyncFnOnce(&mut Client) -> R,
) -> R {
    let (near, far) = duplex(manner.buffer);
    let capabilities = Capabilities::from_atoms(capabilities.split_ascii_whitespace());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let (result, served) = runtime.block_on(async {
        let client = async {
            let mut session =
                Session::new(near, Vec::new(), capabilities, SessionOptions::default());
            session.options.names.learn_delimiter(Some(b'/'));
            act(&mut session).await
        };
        tokio::join!(client, serve(far, steps, manner))
    });
    if manner.cut.is_none() {
        served.unwrap();
    }
    result
}

pub(super) fn uid(value: u32) -> Uid {
    Uid::new(value).unwrap()
}

pub(super) fn uids(values: &[u32]) -> UidSet {
    values.iter().copied().map(uid).collect()
}

/// Takes messages and remembers every call.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub calls: Vec<String>,
    open: Vec<u8>,
}

impl BodySink for Record {
    async fn begin(
        &mut self,
        uid: Uid,
        octets: u64,
        date: i64,
        flags: Option<Flags>,
    ) -> Result<(), Fault> {
        self.open.clear();
        self.calls
            .push(format!("begin {uid} {octets} {date} {flags:?}"));
        Ok(())
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.open.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Fault> {
        self.calls.push(format!("end {}", self.open.escape_ascii()));
        Ok(())
    }
}

/// Gives its pieces one by one.
pub(super) struct Pieces(pub Vec<&'static str>);

impl BodySource for Pieces {
    async fn next(&mut self) -> Result<Vec<u8>, Fault> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.0.remove(0).as_bytes().to_vec())
    }
}
