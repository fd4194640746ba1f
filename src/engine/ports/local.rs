//! The Maildir, as the engine sees it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::Fault;
use super::BodySource;
use crate::mail::{Content, Digest, Flags, Identity, LocalId, MailboxName, Uid};
use crate::sync::{
    Claims, Entry, FileStamp, FolderToken, KeywordScope, LocalView, RawHeader, Unsynced,
};

/// What the root's marker file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// 128 random bits as hexadecimal: the state's id in the root, the mailbox's `marker` in a folder.
    pub id: String,
    /// Counts up with the state; 0 in folders.
    pub epoch: u64,
}

/// How the root looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// There is no such directory.
    Missing,
    /// A directory without a marker; `empty` if it holds no folder and no file either.
    Unmarked {
        /// Nothing in it.
        empty: bool,
    },
    /// A directory with a marker.
    Marked(Marker),
}

/// A Maildir folder below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its mailbox name, unescaped.
    pub name: MailboxName,
    /// Its marker; `None` if it has none.
    pub marker: Option<Marker>,
}

/// A folder that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// The mailbox that it would be the folder of; what is below it is barred, too.
    pub name: MailboxName,
    /// Why, for people.
    pub reason: String,
    /// Worth telling only if there is such a mailbox.
    pub quiet: bool,
}

/// A message that is durable in `tmp/` but has not got its name yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Its UID.
    pub uid: Uid,
    /// The unique name it will have.
    pub local: LocalId,
    /// Its content; the digest is known.
    pub identity: Identity,
    /// Its content without what mail programs add.
    pub content: Content,
    /// Whether the file holds the wire's octets unchanged.
    pub raw: bool,
    /// How the file looks.
    pub stamp: FileStamp,
    /// The flags that came with the body.
    pub flags: Option<Flags>,
}

/// A file's content, read whole once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Its content as it would go on the wire; the digest is known. The date is the file's mtime.
    pub identity: Identity,
    /// Whether it goes on the wire unchanged.
    pub raw: bool,
    /// How the file looked before and after.
    pub stamp: FileStamp,
    /// The other reading of the line ends, where one is possible: size and digest of the octets unchanged.
    pub verbatim: Option<(u64, Digest)>,
    /// Its content without what mail programs add.
    pub content: Content,
}

/// A file as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Absolute.
    pub path: PathBuf,
    /// As its name shows them.
    pub flags: Flags,
    /// How it looks.
    pub stamp: FileStamp,
    /// Its header, where that is at hand because the file was written a moment ago.
    pub header: Option<RawHeader>,
}

/// Some files of a folder as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// In the order in which they were asked for; `None` for one that is not there.
    pub files: Vec<Option<Seen>>,
    /// What their names can show.
    pub scope: KeywordScope,
}

/// A Maildir account. Every act is durable when its call returns, directories included.
pub trait Local {
    /// Takes one stream of messages.
    type Delivery: Delivery;
    /// Reads one message.
    type Body: BodySource;

    /// How the root looks.
    async fn root(&self) -> Result<Root, Fault>;
    /// Creates the root if need be and writes its marker.
    async fn mark_root(&self, marker: &Marker) -> Result<(), Fault>;
    /// All folders below the root.
    async fn folders(&self) -> Result<Vec<Folder>, Fault>;
    /// Folders that cannot be used, as they were when [`Local::folders`] was last asked.
    async fn barred(&self) -> Result<Vec<Barred>, Fault>;
    /// Creates a folder (or completes one that lacks `cur`, `new` or `tmp`) and writes its marker.
    async fn create_folder(&self, name: &MailboxName, marker: &Marker) -> Result<(), Fault>;
    /// Renames a folder and, in the nested layout, what is below it.
    async fn rename_folder(&self, from: &MailboxName, to: &MailboxName) -> Result<(), Fault>;
    /// Moves a folder that the server has no more to the local trash, unless messages are left in it; what is below
    /// stays. `day` is `YYYY-MM-DD`.
    async fn retire_folder(&self, name: &MailboxName, day: &str) -> Result<(), Fault>;
    /// Lists a folder so that absence means absence; a fault if it does not hold still.
    async fn scan(&self, name: &MailboxName) -> Result<LocalView, Fault>;
    /// If nothing came to the folder, went or was renamed since it was listed with that token: what its names can
    /// show. `None` if anything did, or nobody knows.
    async fn unchanged(
        &self,
        name: &MailboxName,
        token: &FolderToken,
    ) -> Result<Option<KeywordScope>, Fault>;
    /// Makes durable what came into a folder, went from it or was renamed in it, whoever did it, and first what went
    /// from it to the local trash on these days.
    async fn settle(&self, name: &MailboxName, days: &[String]) -> Result<(), Fault>;
    /// Reads files whole; what it tells of is on the disk, with its name, whoever put it there. What is gone is left
    /// out; what cannot be read, or is not a regular, non-empty, settled
    /// file, has its own fault.
    async fn inspect(
        &self,
        name: &MailboxName,
        files: &[LocalId],
    ) -> Result<Vec<(LocalId, Result<Inspected, Fault>)>, Fault>;
    /// Looks for messages whose files are gone in everything below the root that is not one of these folders, the `tmp`
    /// of a folder or the local trash; follows symbolic links. One result each, in order: where a file with that
    /// content lies. A fault if not everything could be looked at.
    async fn find_unsynced(
        &self,
        synced: &[MailboxName],
        gone: &[Entry],
    ) -> Result<Vec<Option<Unsynced>>, Fault>;
    /// What another program that filled a folder has noted of these files: nothing of it has to be true. It is read and
    /// never changed; where there is nothing, or nothing that can be read, nothing is said.
    async fn notes(&self, name: &MailboxName, files: &[LocalId]) -> Result<Vec<Claims>, Fault>;
    /// Opens a file to be sent; fails if it does not look like `stamp` any more, then or at its end.
    async fn open(
        &self,
        name: &MailboxName,
        file: &LocalId,
        stamp: FileStamp,
        raw: bool,
    ) -> Result<Self::Body, Fault>;
    /// Begins to take messages into a folder.
    fn deliver(&self, name: &MailboxName) -> Self::Delivery;
    /// Gives staged messages their names with these flags, never over another file. One result each, in order.
    async fn publish(
        &self,
        name: &MailboxName,
        staged: &[(Staged, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault>;
    /// Which of these messages are staged still, and were never given their names.
    async fn staged(
        &self,
        name: &MailboxName,
        files: &[LocalId],
    ) -> Result<BTreeSet<LocalId>, Fault>;
    /// Removes staged messages that will not be published.
    async fn discard(&self, name: &MailboxName, staged: &[Staged]) -> Result<(), Fault>;
    /// Gives a file its flags, keeping letters that mean nothing to us. One result each; a file that is gone is a
    /// fault of reach `Message`.
    async fn relabel(
        &self,
        name: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault>;
    /// Where files are at this moment. The folder may change right after.
    async fn look(&self, name: &MailboxName, files: &[LocalId]) -> Result<Looked, Fault>;
    /// Copies files to another folder, with these flags, under names that follow from the number: who does it again with
    /// the same number has made one copy. One result each: the copy's unique name.
    async fn copy(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags, u128)],
    ) -> Result<Vec<Result<LocalId, Fault>>, Fault>;
    /// Moves files to another folder with these flags, keeping their unique names.
    async fn relocate(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault>;
    /// Moves files to the local trash of that day; returns each one's path there, relative to the root. A file that
    /// may have been edited since it looked like its stamp is left alone with a fault of reach `Message`.
    async fn trash(
        &self,
        name: &MailboxName,
        files: &[(LocalId, FileStamp)],
        day: &str,
    ) -> Result<Vec<Result<Vec<u8>, Fault>>, Fault>;
    /// Brings a file back from the local trash; returns its unique name in the folder.
    async fn untrash(&self, path: &[u8], to: &MailboxName, flags: &Flags)
    -> Result<LocalId, Fault>;
    /// Removes what has been in the local trash since before `day`, and our own stale files in `tmp/`.
    async fn sweep(&self, day: &str) -> Result<(), Fault>;
}

/// Takes messages as they arrive; holds at most a bounded part of them in memory.
pub trait Delivery {
    /// What has been taken since the last cut.
    type Batch: Batch;

    /// A message begins.
    async fn begin(
        &mut self,
        uid: Uid,
        octets: u64,
        date: i64,
        flags: Option<Flags>,
    ) -> Result<(), Fault>;
    /// A letter begins. Nobody knows its length before its end.
    async fn begin_letter(&mut self, uid: Uid, date: i64) -> Result<(), Fault>;
    /// Some more of it. Waits when too much is in memory.
    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault>;
    /// It is complete.
    async fn end(&mut self) -> Result<(), Fault>;
    /// Everything complete so far is one batch; a message in the middle goes on into the next one.
    fn cut(&mut self) -> Self::Batch;
}

/// Complete messages on their way to `tmp/`.
pub trait Batch {
    /// Waits until all of it is on disk and fsynced. A message that could not be written has its own fault; its file
    /// is gone.
    async fn durable(self) -> Result<Vec<(Uid, Result<Staged, Fault>)>, Fault>;
}
