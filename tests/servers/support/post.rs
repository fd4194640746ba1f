//! A POP3 client of the tests' own: what a maildrop holds, letter by letter.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::server::PASSWORD;

/// A session that is logged in.
pub struct Post(BufReader<TcpStream>);

impl Post {
    /// Connects and logs in.
    pub fn login(address: SocketAddr, user: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let mut post = Self(BufReader::with_capacity(1 << 20, stream));
        post.line();
        post.ok(&format!("USER {user}"));
        post.ok(&format!("PASS {PASSWORD}"));
        post
    }

    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        line
    }

    /// Says something that must succeed.
    #[track_caller]
    pub fn ok(&mut self, command: &str) {
        self.0
            .get_mut()
            .write_all(format!("{command}\r\n").as_bytes())
            .unwrap();
        let answer = self.line();
        assert!(
            answer.starts_with(b"+OK"),
            "{command}: {}",
            answer.escape_ascii()
        );
    }

    fn lines(&mut self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            match line.as_slice() {
                b".\r\n" => return lines,
                [b'.', rest @ ..] => lines.push(rest.to_vec()),
                [] => panic!("the server hung up"),
                _ => lines.push(line),
            }
        }
    }

    /// All letters, whole.
    pub fn letters(&mut self) -> Vec<Vec<u8>> {
        self.ok("LIST");
        let count = self.lines().len();
        let mut letters = Vec::new();
        for number in 1..=count {
            self.ok(&format!("RETR {number}"));
            letters.push(self.lines().concat());
        }
        letters
    }

    /// Ends the session.
    pub fn quit(mut self) {
        self.ok("QUIT");
        let _ = self.0.read_to_end(&mut Vec::new());
    }
}
