//! What holds for whatever a server says before the login is over: see [`crate::fuzz`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::gate::{Gate, Heard};

/// What a server sends, a few octets at a time.
#[derive(Debug)]
struct Server {
    sent: Vec<u8>,
    at: usize,
    sizes: Vec<u8>,
    turn: usize,
}

impl AsyncRead for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let at = self.turn % self.sizes.len().max(1);
        let size = self
            .sizes
            .get(at)
            .map_or(usize::MAX, |size| usize::from(*size) + 1);
        // Long streams in short pieces take too long to look at.
        let size = if self.sent.len() > 10_000 {
            size.saturating_mul(64)
        } else {
            size
        };
        self.turn += 1;
        let rest = self.sent.get(self.at..).unwrap_or_default();
        let size = size.min(rest.len()).min(buf.remaining());
        buf.put_slice(rest.get(..size).unwrap_or_default());
        self.at += size;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Four octets say where the stream is cut; the rest is what a server says.
///
/// What gets through to async-imap is one word or base64 in each line, what is remembered is bounded and fit for a
/// terminal, and neither depends on the cuts.
pub fn gate(data: &[u8]) {
    let (sizes, sent) = data.split_at(data.len().min(4));
    let sent = crate::imap::fuzz::inflate(sent);
    let whole = through(&sent, &[], 1000);
    let parts = through(&sent, sizes, 3);
    assert_eq!(whole, parts, "split by {sizes:?}");
    for line in whole.0.split_inclusive('\n') {
        let line = line.strip_suffix("\r\n");
        assert!(line.is_some_and(is_harmless), "{line:?}");
    }
}

fn is_harmless(line: &str) -> bool {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let tag = |text: &str| text == "*" || text.bytes().all(|octet| octet.is_ascii_alphanumeric());
    let base64 = |octet: u8| octet.is_ascii_alphanumeric() || b"+/=".contains(&octet);
    match first {
        "+" => rest.bytes().all(base64),
        other => tag(other) && ["OK -", "NO -", "BAD -", "BYE -", "PREAUTH -"].contains(&rest),
    }
}

/// What gets through, what was heard in words, whether it failed, and what is left.
fn through(sent: &[u8], sizes: &[u8], window: usize) -> (String, String, bool, Vec<u8>) {
    let server = Server {
        sent: sent.to_vec(),
        at: 0,
        sizes: sizes.to_vec(),
        turn: 0,
    };
    let mut gate = Gate::new(server);
    let mut passed = Vec::new();
    let mut room = vec![0; window];
    let mut cx = Context::from_waker(Waker::noop());
    let failed = loop {
        let mut buf = ReadBuf::new(&mut room);
        match Pin::new(&mut gate).poll_read(&mut cx, &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => break false,
            Poll::Ready(Ok(())) => passed.extend_from_slice(buf.filled()),
            Poll::Ready(Err(_)) => break true,
            Poll::Pending => unreachable!("the server never makes anybody wait"),
        }
    };
    let Gate::Live(live) = gate else {
        unreachable!("nobody took it")
    };
    let (_, left, heard) = live.take_apart();
    assert_eq!(failed, heard.offence.is_some());
    check(&heard);
    let stopped = failed || heard.bye.is_some();
    let left = if stopped { Vec::new() } else { left };
    (
        String::from_utf8_lossy(&passed).into_owned(),
        format!("{heard:?}"),
        failed,
        left,
    )
}

fn check(heard: &Heard) {
    for status in [&heard.greeting, &heard.answer, &heard.bye]
        .into_iter()
        .flatten()
    {
        let shown = status.shown();
        assert!(
            shown.len() < 10_000 && !shown.chars().any(char::is_control),
            "{shown:?}"
        );
    }
    if let Some(all) = &heard.capabilities {
        let octets: usize = all.iter().map(str::len).sum();
        assert!(octets <= 2 * 64 * 1024, "{octets} octets of capabilities");
    }
}
