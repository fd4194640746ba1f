//! Where the private socket is, who may have it, and for which configuration it speaks.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::net::{UnixListener, UnixStream};

use super::ControlError;

/// The longest path that is used as it is.
const ROOM: usize = 107;
/// How long a connection to a listening socket may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Where a daemon for one configuration is, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sockets, the usual one first. The second is for a daemon that runs beside one of another configuration.
    pub(super) sockets: Vec<PathBuf>,
    /// The configuration file without symbolic links: a daemon of another one is none of ours.
    pub(super) config: String,
}

impl Place {
    /// `$XDG_RUNTIME_DIR/mailferry/control.sock`; without a runtime directory below the state directory.
    #[must_use]
    pub fn new(runtime_dir: Option<&Path>, state_dir: &Path, config_file: &Path) -> Self {
        let config = fs::canonicalize(config_file).unwrap_or_else(|_| config_file.to_owned());
        let config = config.to_string_lossy().into_owned();
        let directory = match runtime_dir {
            Some(runtime_dir) => runtime_dir.join("mailferry"),
            None => state_dir.join("control"),
        };
        let digest = Sha256::digest(config.as_bytes());
        let digest: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            sockets: vec![
                directory.join("control.sock"),
                directory.join(format!("control-{digest}.sock")),
            ],
            config,
        }
    }

    /// One socket and nothing else.
    #[must_use]
    pub fn at(socket: &Path, config_file: &Path) -> Self {
        let mut place = Self::new(None, Path::new(""), config_file);
        place.sockets = vec![socket.to_owned()];
        place
    }
}

/// A socket that is ours as long as this lives.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) socket: PathBuf,
    /// Locked. A lock goes with its process however that ends, which a socket's file does not.
    _lock: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        // The lock is still ours, so nobody has put another socket there. One that stays is replaced later.
        let _ = fs::remove_file(&self.socket);
    }
}

/// Takes the socket and listens on it. The file of a daemon that is dead is replaced.
///
/// # Errors
/// [`ControlError::Live`] if somebody has it, and when the directory is not ours alone.
pub(super) async fn bind(socket: &Path) -> Result<(Held, UnixListener), ControlError> {
    let directory = socket.parent().unwrap_or_else(|| Path::new("."));
    prepare(directory)?;
    let lock = lock(socket)?;
    if reach(socket).await?.is_some() {
        return Err(ControlError::Live(socket.to_owned()));
    }
    // Bound under another name, closed to others and then renamed: at no moment is there a socket that is half made.
    let fresh = socket.with_extension("new");
    let failed = |source| ControlError::file(&fresh, source);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = Short::of(&fresh)
        .and_then(|short| UnixListener::bind(&short.path))
        .map_err(failed)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    fs::rename(&fresh, socket).map_err(|source| ControlError::file(socket, source))?;
    let held = Held {
        socket: socket.to_owned(),
        _lock: lock,
    };
    Ok((held, listener))
}

/// A path that a socket's address has room for.
struct Short {
    path: PathBuf,
    /// Where the path leads through, if it does.
    _directory: Option<File>,
}

impl Short {
    /// `sockaddr_un` takes 108 octets with the last one zero (unix(7)); a longer path is reached through its directory.
    fn of(socket: &Path) -> std::io::Result<Self> {
        if socket.as_os_str().len() <= ROOM {
            return Ok(Self {
                path: socket.to_owned(),
                _directory: None,
            });
        }
        let directory = File::open(socket.parent().unwrap_or_else(|| Path::new(".")))?;
        let through = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        Ok(Self {
            path: through.join(socket.file_name().unwrap_or_default()),
            _directory: Some(directory),
        })
    }
}

/// Makes the directory if it is not there, and sees to it that nobody else can look into it.
fn prepare(directory: &Path) -> Result<(), ControlError> {
    let failed = |source| ControlError::file(directory, source);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    let found = fs::symlink_metadata(directory).map_err(failed)?;
    if !found.is_dir() || found.uid() != own_uid() {
        return Err(ControlError::Foreign(directory.to_owned()));
    }
    if found.mode() & 0o777 != 0o700 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

fn lock(socket: &Path) -> Result<File, ControlError> {
    let path = socket.with_extension("lock");
    let failed = |source| ControlError::file(&path, source);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ControlError::Live(socket.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Connects to whoever listens there; `None` if nobody does.
///
/// # Errors
/// Somebody listens and cannot be spoken to, or is another user.
pub(super) async fn reach(socket: &Path) -> Result<Option<UnixStream>, ControlError> {
    use std::io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound};
    let connect = async { UnixStream::connect(&Short::of(socket)?.path).await };
    let connected = tokio::time::timeout(CONNECT, connect).await;
    let connected = connected.map_err(|_| ControlError::Silent(socket.to_owned()))?;
    let stream = match connected {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ConnectionRefused | NotADirectory | NotFound) => {
            return Ok(None);
        }
        Err(error) => return Err(ControlError::file(socket, error)),
    };
    if is_own(&stream) {
        Ok(Some(stream))
    } else {
        Err(ControlError::Foreign(socket.to_owned()))
    }
}

/// Whether the other end is a process of the same user (SO_PEERCRED).
pub(super) fn is_own(stream: &UnixStream) -> bool {
    stream
        .peer_cred()
        .is_ok_and(|peer| may_speak(peer.uid(), own_uid()))
}

fn may_speak(peer: u32, own: u32) -> bool {
    peer == own
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn the_usual_socket_is_in_the_runtime_directory() {
        let place = Place::new(
            Some(Path::new("/run/user/1")),
            Path::new("/s"),
            Path::new("/nowhere/c.toml"),
        );
        assert_eq!(
            place.sockets[0],
            Path::new("/run/user/1/mailferry/control.sock")
        );
        assert_eq!(place.config, "/nowhere/c.toml");
        let other = Place::new(None, Path::new("/s"), Path::new("/nowhere/d.toml"));
        assert_eq!(other.sockets[0], Path::new("/s/control/control.sock"));
        assert_ne!(
            place.sockets[1].file_name(),
            other.sockets[1].file_name(),
            "each configuration has a socket of its own"
        );
    }

    #[test]
    fn links_to_a_configuration_are_the_configuration() {
        let root = tempfile::tempdir().unwrap();
        let (file, link) = (root.path().join("c.toml"), root.path().join("l.toml"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let of = |config: &Path| Place::new(None, Path::new("/s"), config);
        assert_eq!(of(&file), of(&link));
    }

    #[tokio::test]
    async fn the_socket_is_for_its_owner_alone_and_goes_away() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("mailferry");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let socket = directory.join("control.sock");
        let (held, listener) = bind(&socket).await.unwrap();
        assert_eq!((mode(&directory), mode(&socket)), (0o700, 0o600));
        assert!(is_own(&reach(&socket).await.unwrap().unwrap()));
        drop((held, listener));
        assert!(!socket.exists());
        assert!(reach(&socket).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_a_dead_daemon_left_is_replaced_and_a_live_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("m/control.sock");
        let (held, listener) = bind(&socket).await.unwrap();
        assert!(matches!(bind(&socket).await, Err(ControlError::Live(_))));
        // As after kill -9: the files stay, the lock and the listener are gone.
        let left = root.path().join("m/left");
        fs::rename(&socket, &left).unwrap();
        drop((held, listener));
        fs::rename(&left, &socket).unwrap();
        assert!(reach(&socket).await.unwrap().is_none());
        bind(&socket).await.unwrap();
        // Somebody who listens without knowing of the lock.
        let _other = UnixListener::bind(&socket).unwrap();
        assert!(matches!(bind(&socket).await, Err(ControlError::Live(_))));
    }

    #[test]
    fn other_users_are_turned_away() {
        assert!(may_speak(1000, 1000));
        assert!(!may_speak(1001, 1000));
        assert!(!may_speak(0, 1000), "not even root");
    }

    #[tokio::test]
    async fn a_path_longer_than_an_address_is_reached_through_its_directory() {
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("x".repeat(120)).join("control.sock");
        assert!(reach(&socket).await.unwrap().is_none());
        let (held, _listener) = bind(&socket).await.unwrap();
        assert!(reach(&socket).await.unwrap().is_some());
        assert!(matches!(bind(&socket).await, Err(ControlError::Live(_))));
        drop(held);
        assert!(!socket.exists());
    }
}
