//! Reads what strace recorded of one run: every call that changes a disk, in the order in which they were done.

use std::fs;
use std::path::{Path, PathBuf};

/// The calls that are recorded.
pub const RECORDED: &str = "openat,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range,ftruncate,\
    fallocate,rename,renameat,renameat2,link,linkat,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,utimensat,\
    copy_file_range,sendfile";

/// What strace has to be told, beside where to put it.
pub const OPTIONS: [&str; 8] = [
    "-ff",
    "-qq",
    "-y",
    "-s",
    "1000000",
    "--absolute-timestamps=format:unix,precision:ns",
    "--syscall-times=ns",
    "--signal=none",
];

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// When it began and ended, in nanoseconds since 1970.
    pub began: u64,
    /// See `began`; `u64::MAX` when nobody saw its end.
    pub ended: u64,
    /// Its name.
    pub name: String,
    /// Its arguments as strace writes them.
    pub arguments: Vec<String>,
    /// What it returned; `None` when nobody saw its end.
    pub result: Option<i64>,
}

/// Everything in the files that begin with this name, by the time it ended.
pub fn read(prefix: &Path) -> Vec<Call> {
    let (place, stem) = (prefix.parent().unwrap(), prefix.file_name().unwrap());
    let mut calls = Vec::new();
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(stem.to_str().unwrap()) {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            calls.extend(text.lines().filter_map(parse));
        }
    }
    calls.sort_by_key(|call: &Call| (call.ended, call.began));
    calls
}

fn parse(line: &str) -> Option<Call> {
    let (began, rest) = line.split_once(' ')?;
    let began = nanos(began)?;
    let open = rest.find('(')?;
    let name = rest[..open].to_owned();
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return None;
    }
    let (arguments, after) = split(&rest[open + 1..]);
    let (returned, took) = match after.trim_start_matches([' ', ')']).strip_prefix("= ") {
        Some(text) => match text.rsplit_once(" <") {
            Some((returned, took)) => (returned, nanos(took.trim_end_matches('>'))),
            None => (text, None),
        },
        None => ("?", None),
    };
    let digits = returned.split([' ', '<']).next()?;
    let result = digits.parse().ok();
    Some(Call {
        began,
        ended: result.and(took).map_or(u64::MAX, |took| began + took),
        name,
        arguments,
        result,
    })
}

fn nanos(text: &str) -> Option<u64> {
    let (seconds, rest) = text.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000_000 + rest.parse::<u64>().ok()?)
}

/// The arguments up to the closing parenthesis, and what follows it.
fn split(text: &str) -> (Vec<String>, &str) {
    let (mut arguments, mut one) = (Vec::new(), String::new());
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' | '<' => depth += 1,
            ')' if depth == 0 => {
                arguments.push(one.trim().to_owned());
                return (arguments, &text[at + 1..]);
            }
            ')' | ']' | '}' | '>' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(std::mem::take(&mut one).trim().to_owned());
                continue;
            }
            _ => {}
        }
        one.push(letter);
    }
    arguments.push(one);
    (arguments, "")
}

impl Call {
    /// The octets of a quoted argument.
    pub fn octets(&self, at: usize) -> Option<Vec<u8>> {
        let text = self.arguments.get(at)?.strip_prefix('"')?;
        assert!(!text.ends_with("..."), "cut short: {self:?}");
        unquote(text.strip_suffix('"')?)
    }

    /// The path of a quoted argument that is relative to the directory in the argument before it, if there is one.
    pub fn path(&self, directory: Option<usize>, name: usize) -> Option<PathBuf> {
        let name = PathBuf::from(String::from_utf8(self.octets(name)?).ok()?);
        match directory {
            Some(at) if name.is_relative() => Some(self.open(at)?.join(name)),
            _ => Some(name),
        }
    }

    /// The path of the open file in an argument; `None` if it is no file or has no name any more.
    pub fn open(&self, at: usize) -> Option<PathBuf> {
        let (_, path) = self.arguments.get(at)?.split_once('<')?;
        let path = path.strip_suffix('>')?;
        path.starts_with('/').then(|| PathBuf::from(path))
    }

    /// A number among the arguments.
    pub fn number(&self, at: usize) -> u64 {
        let text = &self.arguments[at];
        text.parse()
            .unwrap_or_else(|_| panic!("no number: {self:?}"))
    }

    /// Whether an argument holds this word.
    pub fn says(&self, at: usize, word: &str) -> bool {
        self.arguments
            .get(at)
            .is_some_and(|text| text.split('|').any(|one| one == word))
    }
}

fn unquote(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut octets = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte != b'\\' {
            octets.push(*byte);
            continue;
        }
        let letter = *bytes.get(at)?;
        at += 1;
        octets.push(match letter {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'0'..=b'7' => {
                let mut value = u32::from(letter - b'0');
                for _ in 0..2 {
                    match bytes.get(at) {
                        Some(digit @ b'0'..=b'7') => {
                            value = value * 8 + u32::from(digit - b'0');
                            at += 1;
                        }
                        _ => break,
                    }
                }
                u8::try_from(value).ok()?
            }
            other => other,
        });
    }
    Some(octets)
}

#[test]
fn a_line_of_strace_is_understood() {
    let line = r#"1795397633.123456789 pwrite64(11</tmp/a b/x>, "\0\1\"(\n\3779", 7, 4096) = 7 <0.000000211>"#;
    let call = parse(line).unwrap();
    assert_eq!((call.ended - call.began, call.result), (211, Some(7)));
    assert_eq!(call.octets(1).unwrap(), b"\0\x01\"(\n\xff9");
    assert_eq!(
        (call.open(0).unwrap(), call.number(3)),
        (PathBuf::from("/tmp/a b/x"), 4096)
    );
    let killed =
        parse(r#"1795397633.5 openat(AT_FDCWD</x>, "y", O_RDONLY|O_CREAT <unfinished ...>) = ?"#)
            .unwrap();
    assert_eq!(
        (killed.result, killed.path(Some(0), 1).unwrap()),
        (None, PathBuf::from("/x/y"))
    );
}
