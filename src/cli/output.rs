//! Standard output and standard error.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};

use serde::Serialize;

use super::reports::Problem;
use super::{Failure, Outcome, render};
use crate::config::ConfigError;

/// With two `-q` nothing is told, whatever happens.
const SILENT: i16 = -2;

/// Standard output. A reader that went away (`mailferry status | head`) is no error: what follows is dropped.
pub(super) struct Output {
    out: Option<BufWriter<Stdout>>,
    colour: bool,
    terminal: bool,
    verbosity: i16,
}

impl Output {
    /// This process's standard output; how much is told is what [`super::args::Args::verbosity`] says.
    pub fn stdout(verbosity: i16) -> Self {
        let stdout = io::stdout();
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            colour: wanted && stdout.is_terminal(),
            terminal: stdout.is_terminal(),
            out: Some(BufWriter::new(stdout)),
            verbosity,
        }
    }

    /// Writes what a verb has done, unless only errors are wanted.
    ///
    /// # Errors
    /// As for [`Self::text`].
    pub fn report(&mut self, text: &str) -> Result<(), Failure> {
        if self.verbosity < 0 {
            return Ok(());
        }
        self.text(text)
    }

    /// Whether colours may be used.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Whether nobody reads any more.
    pub fn closed(&self) -> bool {
        self.out.is_none()
    }

    /// Writes a picture in the place of the one before: on a terminal over it, line by line, so that nothing
    /// flickers; elsewhere below it, after an empty line.
    ///
    /// # Errors
    /// As for [`Self::text`].
    pub fn redraw(&mut self, picture: &str, first: bool) -> Result<(), Failure> {
        let drawn = redrawn(picture, first, self.terminal);
        self.text(&drawn)
    }

    /// Writes text as it is.
    ///
    /// # Errors
    /// Standard output cannot be written, other than because nobody reads it.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As for [`Self::text`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.out.as_mut().map_or(Ok(()), |out| out.write_all(bytes));
        self.settle(written)
    }

    /// Writes one JSON document and a line end.
    ///
    /// # Errors
    /// As for [`Self::text`].
    pub fn json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(document)?;
        text.push('\n');
        self.text(&text)
    }

    /// Hands over what is still in the buffer.
    ///
    /// # Errors
    /// As for [`Self::text`].
    pub fn finish(&mut self) -> Result<(), Failure> {
        let flushed = self.out.as_mut().map_or(Ok(()), Write::flush);
        self.settle(flushed)
    }

    fn settle(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                // The buffer must not try again when it is dropped.
                if let Some(out) = self.out.take() {
                    let _ = out.into_parts();
                }
                Ok(())
            }
            other => Ok(other?),
        }
    }
}

impl Output {
    /// Tells on standard error why a verb could not be carried out. That nobody can read it changes nothing.
    pub fn complain(&self, failure: &Failure) {
        let text = render::lines(&failure.to_string());
        // Mistakes in the configuration begin with file, line and column, which editors follow.
        let prefix = match failure {
            Failure::Config(ConfigError::Invalid(_)) => "",
            _ => "mailferry: ",
        };
        self.tell(&format!("{prefix}{text}"));
    }

    /// Says something on standard error that needs attention and is no failure.
    pub fn note(&self, line: &str) {
        self.tell(line);
    }

    /// Says on standard error what went wrong with an account; a report on standard output has it too, as JSON.
    pub fn complain_of(&self, account: &str, problems: &[Problem]) {
        let account = render::plain(account);
        for problem in problems {
            let message = render::plain(&problem.message);
            let place = problem.mailbox.as_deref().map(render::plain);
            let place = place.map_or_else(String::new, |mailbox| format!("{mailbox}: "));
            self.tell(&format!("mailferry: {account}: {place}{message}"));
        }
    }

    /// The same for all accounts of a report; what it means for the exit code.
    pub fn complain_of_all<'a>(
        &self,
        accounts: impl Iterator<Item = (&'a str, &'a [Problem])>,
    ) -> Outcome {
        let mut failed = false;
        for (account, problems) in accounts {
            failed |= !problems.is_empty();
            self.complain_of(account, problems);
        }
        Outcome::of(failed, false)
    }

    fn tell(&self, line: &str) {
        if self.verbosity > SILENT {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

/// A picture as it takes the place of the one before.
fn redrawn(picture: &str, first: bool, terminal: bool) -> String {
    match (terminal, first) {
        (false, true) => picture.to_owned(),
        (false, false) => format!("\n{picture}"),
        (true, _) => {
            let begin = if first { "\x1b[H\x1b[2J" } else { "\x1b[H" };
            // Each line ends what the line before it had more; what follows the last one goes.
            let lines = picture.replace('\n', "\x1b[K\n");
            format!("{begin}{lines}\x1b[J")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::redrawn;

    #[test]
    fn a_picture_takes_the_place_of_the_one_before() {
        assert_eq!(redrawn("a\nb\n", true, false), "a\nb\n");
        assert_eq!(redrawn("a\n", false, false), "\na\n");
        assert_eq!(redrawn("a\n", true, true), "\x1b[H\x1b[2Ja\x1b[K\n\x1b[J");
        assert_eq!(redrawn("a\n", false, true), "\x1b[Ha\x1b[K\n\x1b[J");
    }
}
