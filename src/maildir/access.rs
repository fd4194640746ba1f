//! Whether a Maildir can be written, without writing to it.

use std::path::Path;

use rustix::fs::{Access, access};

use super::error::Error;
use crate::engine::Reach;

/// Whether files can be made in this directory, or, where it is not there yet, in the nearest one above it.
///
/// # Errors
/// What is in the way.
pub fn writable(root: &Path) -> Result<(), Error> {
    let there = root
        .ancestors()
        .find(|path| path.symlink_metadata().is_ok());
    let place = there.unwrap_or(root);
    let failed = |errno| {
        Error::io(
            "write to",
            place.as_os_str().as_encoded_bytes(),
            Reach::Account,
            errno,
        )
    };
    if !place.is_dir() {
        return Err(failed(rustix::io::Errno::NOTDIR));
    }
    access(place, Access::WRITE_OK | Access::EXEC_OK | Access::READ_OK).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_named() {
        let home = tempfile::tempdir().unwrap();
        assert!(writable(&home.path().join("a/b")).is_ok());
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = writable(&file.join("Mail")).unwrap_err().to_string();
        assert!(error.ends_with("file"), "{error}");
        let dangling = home.path().join("link");
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        assert!(writable(&dangling).is_err());
    }
}
