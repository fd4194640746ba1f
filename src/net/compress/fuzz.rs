//! What holds for any compressed stream: see [`crate::fuzz`].
#![allow(clippy::unwrap_used, reason = "a broken promise has to be loud")]

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Deflate, INPUT, OUTPUT};

/// The most that is expanded: a few octets can be very many.
const ENOUGH: usize = 64 * 1024;

/// What a server sends, a few octets at a time; what is written is kept.
#[derive(Debug)]
struct Pipe<'a> {
    rest: &'a [u8],
    size: usize,
    written: Vec<u8>,
}

impl AsyncRead for Pipe<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = self.size.min(self.rest.len()).min(buf.remaining());
        let (now, later) = self.rest.split_at(size);
        buf.put_slice(now);
        self.rest = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let size = octets.len().min(self.size);
        self.written
            .extend_from_slice(octets.get(..size).unwrap_or_default());
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Two octets say in which pieces octets come and are asked for, and how many of them lay there before; the rest is
/// what a server sends compressed, and then what is sent to one.
///
/// What comes out does not depend on the pieces, memory stays within bounds, and what goes in comes out again.
pub fn deflate(data: &[u8]) {
    let &[size, window, ref sent @ ..] = data else {
        return;
    };
    let (size, window) = (usize::from(size) + 8, usize::from(window) * 16 + 64);
    let early = sent.get(..size.min(sent.len()) / 2).unwrap_or_default();
    let late = sent.get(early.len()..).unwrap_or_default();
    let (parts, also_failed) = expand(late, early, size, window, ENOUGH);
    // What is asked for in parts may go beyond what is enough, by less than so much again, and meet an error there.
    let (whole, failed) = expand(sent, &[], usize::MAX, ENOUGH, 2 * ENOUGH);
    assert!(failed == also_failed || (failed && parts.len() == ENOUGH));
    // An error takes with it what was expanded in the same call.
    let common = whole.len().min(parts.len());
    assert_eq!(whole.get(..common), parts.get(..common));
    assert!(failed || parts.len() == ENOUGH || whole.len() == parts.len());
    there_and_back(sent, size, window);
}

/// Everything up to the end, to an error or to enough, and whether it was an error.
fn expand(sent: &[u8], early: &[u8], size: usize, window: usize, enough: usize) -> (Vec<u8>, bool) {
    let pipe = Pipe {
        rest: sent,
        size,
        written: Vec::new(),
    };
    let mut stream = Deflate::new(pipe, early.to_vec());
    let mut out = Vec::new();
    let mut room = vec![0; window];
    let mut cx = Context::from_waker(Waker::noop());
    while out.len() < enough {
        let mut buf = ReadBuf::new(&mut room);
        let Poll::Ready(outcome) = Pin::new(&mut stream).poll_read(&mut cx, &mut buf) else {
            unreachable!("the pipe never waits")
        };
        assert!(stream.input.capacity() <= 2 * INPUT);
        if outcome.is_err() {
            return (out, true);
        }
        if buf.filled().is_empty() {
            return (out, false);
        }
        out.extend_from_slice(buf.filled());
    }
    out.truncate(enough);
    (out, false)
}

fn there_and_back(plain: &[u8], size: usize, window: usize) {
    let pipe = Pipe {
        rest: &[],
        size,
        written: Vec::new(),
    };
    let mut stream = pin!(Deflate::new(pipe, Vec::new()));
    let mut cx = Context::from_waker(Waker::noop());
    for piece in plain.chunks(window) {
        let mut rest = piece;
        while !rest.is_empty() {
            let Poll::Ready(Ok(taken)) = stream.as_mut().poll_write(&mut cx, rest) else {
                unreachable!("the pipe takes everything")
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        assert!(stream.output.capacity() <= 4 * OUTPUT);
        assert!(matches!(
            stream.as_mut().poll_flush(&mut cx),
            Poll::Ready(Ok(()))
        ));
    }
    let written = std::mem::take(&mut stream.inner.written);
    let (back, failed) = expand(&written, &[], size, window, ENOUGH);
    assert!(!failed && back == plain);
}
