//! DEFLATE over any stream, for COMPRESS (RFC 4978): raw deflate both ways, with a sync flush wherever the writer
//! flushes.
//!
//! A bomb cannot go off here: every read expands into the caller's buffer and never further, what does not fit stays
//! compressed in a fixed input buffer, and nothing more is read from below until it has been taken. How much the
//! caller takes in all is the caller's limit to set.
//!
//! A connection costs about 300 KiB: not for those that only wait.

#[cfg(any(test, fuzzing))]
pub mod fuzz;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::BoxStream;

/// Compressed octets read at once.
const INPUT: usize = 16 * 1024;
/// Compressed octets kept before they must be written.
const OUTPUT: usize = 16 * 1024;
/// Fast: what goes up is small or mail that has to leave now.
const LEVEL: u32 = 1;

/// Puts compression over a stream, right after the server's OK to COMPRESS. `leftover` is what was read behind that
/// OK: the first compressed octets.
#[must_use]
pub fn wrap(stream: BoxStream, leftover: Vec<u8>) -> BoxStream {
    Box::new(Deflate::new(stream, leftover))
}

/// A stream that is compressed below and plain above.
pub struct Deflate<S> {
    inner: S,
    decoder: Decompress,
    /// Compressed input; `read_from` on is still to be expanded.
    input: Vec<u8>,
    read_from: usize,
    ended: bool,
    encoder: Compress,
    /// Compressed output; `written` on is still to be sent.
    output: Vec<u8>,
    written: usize,
    /// Something was written since the last sync flush.
    dirty: bool,
}

impl<S> fmt::Debug for Deflate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate")
            .field("received", &self.decoder.total_in())
            .field("sent", &self.encoder.total_out())
            .finish_non_exhaustive()
    }
}

impl<S> Deflate<S> {
    /// Compression over `inner`, which has already delivered `leftover`.
    pub fn new(inner: S, leftover: Vec<u8>) -> Self {
        Self {
            inner,
            decoder: Decompress::new(false),
            input: leftover,
            read_from: 0,
            ended: false,
            encoder: Compress::new(Compression::new(LEVEL), false),
            output: Vec::with_capacity(OUTPUT),
            written: 0,
            dirty: false,
        }
    }

    /// Expands what is there into `out`; the number of octets that came, and whether anything moved at all.
    fn expand(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let pending = self.input.get(self.read_from..).unwrap_or_default();
        let (consumed, produced) = (self.decoder.total_in(), self.decoder.total_out());
        let status = self
            .decoder
            .decompress(pending, out, FlushDecompress::None)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.read_from += distance(consumed, self.decoder.total_in());
        self.ended = status == Status::StreamEnd;
        Ok(distance(produced, self.decoder.total_out()))
    }

    /// Compresses what fits; the number of octets of `plain` that were taken.
    fn squeeze(&mut self, plain: &[u8], flush: FlushCompress) -> io::Result<usize> {
        let (consumed, before) = (self.encoder.total_in(), self.encoder.total_out());
        let from = self.output.len();
        self.output.resize(from + OUTPUT, 0);
        let room = self.output.get_mut(from..).unwrap_or_default();
        let result = self.encoder.compress(plain, room, flush);
        let produced = distance(before, self.encoder.total_out());
        self.output.truncate(from + produced);
        result.map_err(io::Error::other)?;
        Ok(distance(consumed, self.encoder.total_in()))
    }
}

/// How far a 64-bit counter went between two calls that handled at most a buffer.
fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to - from).unwrap_or(usize::MAX)
}

impl<S: AsyncWrite + Unpin> Deflate<S> {
    /// Sends the compressed output down, all of it.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.output.get(self.written..).filter(|r| !r.is_empty()) {
            let sent = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += sent;
        }
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Sends everything down up to a byte boundary that the other side can expand whole.
    fn poll_sync(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.dirty {
            ready!(self.poll_drain(cx))?;
            self.squeeze(&[], FlushCompress::Sync)?;
            // A full buffer may hide more: then the flush has to be asked for again.
            self.dirty = self.output.len() == OUTPUT;
        }
        self.poll_drain(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deflate<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.ended || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let produced = this.expand(buf.initialize_unfilled())?;
            if produced > 0 {
                buf.advance(produced);
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                continue;
            }
            this.input.resize(INPUT, 0);
            let mut raw = ReadBuf::new(&mut this.input);
            let outcome = Pin::new(&mut this.inner).poll_read(cx, &mut raw);
            let came = raw.filled().len();
            this.input.truncate(came);
            this.read_from = 0;
            ready!(outcome)?;
            if came == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Deflate<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        plain: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            if this.output.len() >= OUTPUT {
                ready!(this.poll_drain(cx))?;
            }
            let taken = this.squeeze(plain, FlushCompress::None)?;
            this.dirty |= taken > 0;
            if taken > 0 || plain.is_empty() {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_sync(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_sync(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    fn pair(capacity: usize) -> (Deflate<DuplexStream>, Deflate<DuplexStream>) {
        let (left, right) = duplex(capacity);
        (
            Deflate::new(left, Vec::new()),
            Deflate::new(right, Vec::new()),
        )
    }

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn what_goes_in_comes_out_whatever_the_splits(
            data in proptest::collection::vec(any::<u8>(), 0..40_000),
            piece in 1usize..9000,
            pipe in 1usize..5000,
            window in 1usize..5000,
            flush_every in 1usize..5,
        ) {
            run(async {
                let (mut here, mut there) = pair(pipe);
                let sent = data.clone();
                let writer = async move {
                    for (number, part) in sent.chunks(piece).enumerate() {
                        here.write_all(part).await.unwrap();
                        if number % flush_every == 0 {
                            here.flush().await.unwrap();
                        }
                    }
                    here.shutdown().await.unwrap();
                };
                let reader = async move {
                    let mut got = Vec::new();
                    let mut buffer = vec![0; window];
                    loop {
                        match there.read(&mut buffer).await.unwrap() {
                            0 => return got,
                            count => got.extend_from_slice(&buffer[..count]),
                        }
                    }
                };
                let ((), got) = tokio::join!(writer, reader);
                assert!(got == data);
            });
        }
    }

    #[tokio::test]
    async fn a_flush_makes_everything_readable_and_a_second_one_sends_nothing() {
        let (left, mut right) = duplex(1 << 20);
        let mut here = Deflate::new(left, Vec::new());
        here.write_all(b"A1 NOOP\r\n").await.unwrap();
        here.flush().await.unwrap();
        here.flush().await.unwrap();
        let mut raw = vec![0; 1000];
        let count = right.read(&mut raw).await.unwrap();
        assert!(raw[..count].ends_with(&[0, 0, 0xff, 0xff]), "a sync flush");
        let mut plain = vec![0; 100];
        let mut decoder = Decompress::new(false);
        decoder
            .decompress(&raw[..count], &mut plain, FlushDecompress::None)
            .unwrap();
        assert_eq!(decoder.total_in(), count as u64);
        assert!(plain.starts_with(b"A1 NOOP\r\n\0"));
        drop(here);
        assert_eq!(right.read(&mut raw).await.unwrap(), 0, "nothing more came");
    }

    #[tokio::test]
    async fn output_of_exactly_one_buffer_is_flushed_whole() {
        // Incompressible data of many lengths: some of them end exactly at the edge of the output buffer.
        let mut noise = vec![0; 3 * OUTPUT];
        getrandom::fill(&mut noise).unwrap();
        for length in (OUTPUT - 40)..(OUTPUT + 4) {
            let (mut here, mut there) = pair(1 << 20);
            here.write_all(&noise[..length]).await.unwrap();
            here.flush().await.unwrap();
            let mut got = vec![0; length];
            there.read_exact(&mut got).await.unwrap();
            assert!(got == noise[..length]);
        }
    }

    #[tokio::test]
    async fn the_octets_behind_the_ok_are_the_first_ones() {
        let (left, mut right) = duplex(1 << 20);
        let mut server = Deflate::new(left, Vec::new());
        server.write_all(b"* 5 EXISTS\r\n").await.unwrap();
        server.flush().await.unwrap();
        let mut early = vec![0; 5];
        right.read_exact(&mut early).await.unwrap();
        let mut client = wrap(Box::new(right), early);
        let mut line = [0; 12];
        client.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"* 5 EXISTS\r\n");
    }

    #[tokio::test]
    async fn a_bomb_expands_no_further_than_the_buffer() {
        let mut bomb = Vec::with_capacity(1 << 20);
        let mut encoder = Compress::new(Compression::best(), false);
        let zeros = vec![0; 1 << 20];
        for _ in 0..64 {
            let from = usize::try_from(encoder.total_in()).unwrap() % zeros.len();
            encoder
                .compress_vec(&zeros[from..], &mut bomb, FlushCompress::Sync)
                .unwrap();
        }
        let mut reader = Deflate::new(&bomb[..], Vec::new());
        let mut small = [1; 100];
        assert_eq!(reader.read(&mut small).await.unwrap(), 100);
        assert!(reader.decoder.total_out() <= 100);
        assert!(reader.input.capacity() <= 2 * INPUT);
    }

    #[tokio::test]
    async fn rubbish_is_an_error() {
        let mut reader = Deflate::new(&[0xff; 64][..], Vec::new());
        let error = reader.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
