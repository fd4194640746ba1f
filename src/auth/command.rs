//! A secret from a program: no shell, no input, one line, a time limit.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time;
use zeroize::Zeroizing;

use super::secrets::{self, Error, Secret};

/// How long a program may take. Somebody may have to type a passphrase.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// How long a program that has ended may leave its output open (an agent that it started may hold it).
const GRACE: Duration = Duration::from_millis(300);
/// How much of standard error is kept, and how much of that is shown.
const KEPT: usize = 2048;
const SHOWN: usize = 200;

/// Runs a program and takes the only line it prints.
pub(super) async fn run(argv: &[String], limit: Duration) -> Result<Secret, Error> {
    let (program, arguments) = argv.split_first().ok_or(Error::NoProgram)?;
    let failed = |source| Error::Run {
        program: program.clone(),
        source,
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (status, output, said) = time::timeout(limit, collect(child))
        .await
        .map_err(|_| Error::Timeout {
            program: program.clone(),
            limit,
        })?
        .map_err(failed)?;
    if !status.success() {
        return Err(Error::Failed {
            program: program.clone(),
            status,
            said: first_line(&said),
        });
    }
    secrets::checked(secrets::first_line(&output), || format!("{program:?}"))
}

type Ended = (std::process::ExitStatus, Zeroizing<Vec<u8>>, Vec<u8>);

/// Reads both outputs while the program runs. Too long an output ends the reading, and dropping the child kills it.
async fn collect(mut child: Child) -> io::Result<Ended> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Room enough from the start: growing would leave copies behind.
    let mut output = Zeroizing::new(Vec::with_capacity(secrets::LIMIT + 64));
    let mut said = Vec::new();
    let status = {
        let reading = async {
            let out = keep(stdout, &mut output, secrets::LIMIT + 1);
            let err = keep_and_drain(stderr, &mut said);
            tokio::try_join!(out, err).map(drop)
        };
        tokio::pin!(reading);
        tokio::select! {
            read = &mut reading => {
                read?;
                child.wait().await?
            }
            status = child.wait() => {
                if let Ok(read) = time::timeout(GRACE, &mut reading).await {
                    read?;
                }
                status?
            }
        }
    };
    Ok((status, output, said))
}

/// Reads up to `limit` octets; reaching it is an error.
async fn keep(
    from: Option<impl AsyncRead + Unpin>,
    into: &mut Vec<u8>,
    limit: usize,
) -> io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    let mut from = from.take(u64::try_from(limit).unwrap_or(u64::MAX));
    while from.read_buf(into).await? > 0 {}
    if into.len() < limit {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it printed more than any password",
        ))
    }
}

/// Keeps the beginning, and reads the rest so that the writer does not wait.
async fn keep_and_drain(
    from: Option<impl AsyncRead + Unpin>,
    into: &mut Vec<u8>,
) -> io::Result<()> {
    let Some(mut from) = from else { return Ok(()) };
    let mut piece = [0; 512];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        let room = KEPT.saturating_sub(into.len());
        into.extend(piece.iter().take(count.min(room)));
    }
}

/// `: ` and the first line that says something, short and without control characters.
fn first_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let Some(line) = text.lines().find(|line| !line.trim().is_empty()) else {
        return String::new();
    };
    let shown: String = line
        .trim()
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    format!(": {shown}")
}

#[cfg(test)]
mod tests;
