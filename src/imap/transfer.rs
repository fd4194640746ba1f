//! Brings messages: whole ones streamed to their sink, and the few facts by which one is recognised.
//!
//! Several commands are in flight, so that the server never waits. A message that the server cannot read costs only
//! itself: what a refused command left unanswered is asked for one by one.

use std::collections::BTreeMap;

use tokio::io::{AsyncRead, AsyncWrite};

use super::command::{Command, SET_LIMIT};
use super::error::{Error, Refusal};
use super::response::{Body, Code, Fetch, Untagged};
use super::session::{Session, Taker};
use crate::content::message_id_hash;
use crate::engine::ports::BodySink;
use crate::mail::{Identity, MessageIdHash, Uid, UidSet};

/// Commands in flight.
const WINDOW: usize = 3;
/// Messages a command asks for, so that a window is some megabytes.
const BODIES: u64 = 200;
/// The same where only headers come.
const HEADERS: u64 = 1000;
/// How much of a header is kept, in octets.
const HEADER_LIMIT: usize = 64 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Fetches whole messages.
    pub(crate) async fn bodies<K: BodySink>(
        &mut self,
        uids: &UidSet,
        sink: &mut K,
    ) -> Result<(), Error> {
        let mut taker = Bodies {
            sink,
            wanted: uids.clone(),
            limit: self.options.message_limit,
            alone: None,
            open: None,
            unclear: Vec::new(),
        };
        let items = "(UID FLAGS INTERNALDATE BODY.PEEK[])";
        self.collect(uids, BODIES, items, &mut taker).await?;
        // Attributes that come after the body come too late for the sink; a message asked for alone is known without.
        for (uid, date) in std::mem::take(&mut taker.unclear) {
            taker.alone = Some((uid, date));
            let command = fetch_command(&UidSet::from_range(uid, uid), items);
            self.drive(&[command], 1, &mut taker).await?;
        }
        Ok(())
    }

    /// Size, date and Message-ID of messages.
    pub(crate) async fn identities(
        &mut self,
        uids: &UidSet,
    ) -> Result<Vec<(Uid, Identity)>, Error> {
        let mut taker = Headers {
            asked: uids,
            found: BTreeMap::new(),
            header: Vec::new(),
        };
        let items = "(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])";
        self.collect(uids, HEADERS, items, &mut taker).await?;
        Ok(taker
            .found
            .into_iter()
            .filter_map(|(uid, facts)| Some((uid, facts.identity()?)))
            .collect())
    }

    /// Asks in chunks, then one by one for what a refusal left out. What is refused even alone stays out.
    async fn collect<T: Taker + Missing>(
        &mut self,
        uids: &UidSet,
        size: u64,
        items: &str,
        taker: &mut T,
    ) -> Result<(), Error> {
        let sets = portions(uids, size);
        let commands: Vec<Command> = sets.iter().map(|set| fetch_command(set, items)).collect();
        let outcomes = self.drive(&commands, WINDOW, taker).await?;
        let mut single = Vec::new();
        for (set, outcome) in sets.iter().zip(outcomes) {
            let Err(refusal) = outcome.ok() else {
                continue;
            };
            check_general(&refusal)?;
            if set.len() == 1 {
                tracing::warn!(uids = %set, %refusal, "the server does not give this message");
            } else {
                single.extend(set.iter().filter(|uid| taker.misses(*uid)));
            }
        }
        let commands: Vec<Command> = single
            .iter()
            .map(|uid| fetch_command(&UidSet::from_range(*uid, *uid), items))
            .collect();
        let outcomes = self.drive(&commands, WINDOW, taker).await?;
        for (uid, outcome) in single.iter().zip(outcomes) {
            if let Err(refusal) = outcome.ok() {
                check_general(&refusal)?;
                tracing::warn!(%uid, %refusal, "the server does not give this message");
            }
        }
        Ok(())
    }
}

fn fetch_command(set: &UidSet, items: &str) -> Command {
    Command::new("FETCH", "UID FETCH ")
        .text(set)
        .text(' ')
        .text(items)
}

/// A refusal whose code speaks of the server or the account has nothing to do with one message.
fn check_general(refusal: &Refusal) -> Result<(), Error> {
    match refusal.code {
        Code::Unavailable | Code::InUse | Code::Limit | Code::AuthenticationFailed => {
            Err(Error::Refused(refusal.clone()))
        }
        _ => Ok(()),
    }
}

/// Sets of at most `size` messages, each short enough for a command.
fn portions(uids: &UidSet, size: u64) -> Vec<UidSet> {
    let mut sets = Vec::new();
    let mut current = UidSet::new();
    let mut room = size;
    for (low, high) in uids.ranges() {
        let mut from = Some(low);
        while let Some(start) = from.filter(|start| *start <= high) {
            let step = u32::try_from(room - 1).unwrap_or(u32::MAX);
            let end = start.get().saturating_add(step).min(high.get());
            let end = Uid::new(end).unwrap_or(high);
            current.insert_range(start, end);
            room = room.saturating_sub(u64::from(end.get() - start.get()) + 1);
            from = end.next();
            if room == 0 {
                sets.push(std::mem::take(&mut current));
                room = size;
            }
        }
    }
    sets.push(current);
    sets.iter().flat_map(|set| set.chunks(SET_LIMIT)).collect()
}

/// What a taker has not got.
trait Missing {
    /// Whether this was asked for and did not come.
    fn misses(&self, uid: Uid) -> bool;
}

struct Bodies<'a, K> {
    sink: &'a mut K,
    /// Asked for and not come yet.
    wanted: UidSet,
    limit: u64,
    /// The one message that is asked for, with its date if that is known.
    alone: Option<(Uid, Option<i64>)>,
    /// The message whose body is coming.
    open: Option<Uid>,
    /// Messages whose UID or date came after their body.
    unclear: Vec<(Uid, Option<i64>)>,
}

impl<K> Missing for Bodies<'_, K> {
    fn misses(&self, uid: Uid) -> bool {
        self.wanted.contains(uid) && !self.unclear.iter().any(|(known, _)| *known == uid)
    }
}

impl<K: BodySink> Bodies<'_, K> {
    /// UID and date, if this is a message to take now.
    fn place(&self, fetch: &Fetch) -> Option<(Uid, i64)> {
        let uid = fetch.uid.or_else(|| self.alone.map(|(uid, _)| uid))?;
        let known = self.alone.filter(|(alone, _)| *alone == uid);
        // A message that has no date even when asked alone gets the beginning of time.
        let date = fetch
            .date
            .or_else(|| known.map(|(_, date)| date.unwrap_or(0)))?;
        self.wanted.contains(uid).then_some((uid, date))
    }
}

impl<K: BodySink> Taker for Bodies<'_, K> {
    const BODIES: bool = true;

    async fn untagged(&mut self, untagged: Untagged) -> Result<(), Error> {
        let Untagged::Fetch(mut fetch) = untagged else {
            return Ok(());
        };
        let Body::Here(octets) = std::mem::take(&mut fetch.body) else {
            return Ok(());
        };
        // An empty string stands for what the server could not read: no message is empty.
        if octets.is_empty() {
            return Ok(());
        }
        let wanted = self.head(&fetch, octets.len() as u64).await?;
        if wanted {
            self.piece(&octets).await?;
        }
        self.tail(fetch, wanted).await
    }

    async fn head(&mut self, fetch: &Fetch, octets: u64) -> Result<bool, Error> {
        let Some((uid, date)) = self.place(fetch) else {
            return Ok(false);
        };
        if octets > self.limit {
            return Err(Error::TooBig {
                uid,
                octets,
                limit: self.limit,
            });
        }
        self.sink
            .begin(uid, octets, date, fetch.flags.clone())
            .await?;
        self.open = Some(uid);
        Ok(true)
    }

    async fn piece(&mut self, octets: &[u8]) -> Result<(), Error> {
        Ok(self.sink.write(octets).await?)
    }

    async fn tail(&mut self, fetch: Fetch, wanted: bool) -> Result<(), Error> {
        let open = self.open.take();
        if !wanted {
            if let Some(uid) = fetch
                .uid
                .filter(|uid| self.alone.is_none() && self.misses(*uid))
            {
                self.unclear.push((uid, fetch.date));
            }
            return Ok(());
        }
        if let (Some(uid), Some(open)) = (fetch.uid, open)
            && uid != open
        {
            return Err(Error::Protocol {
                what: "the server sent another message than the one asked for",
                line: super::error::Words::new(uid.to_string().as_bytes()),
            });
        }
        self.sink.end().await?;
        if let Some(uid) = open {
            self.wanted.remove(uid);
        }
        Ok(())
    }
}

/// What is known of one message; servers may spread it over several responses.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    size: Option<u64>,
    date: Option<i64>,
    message_id: Option<Option<MessageIdHash>>,
}

impl Facts {
    fn identity(self) -> Option<Identity> {
        if self.size.is_none() && self.message_id.is_none() {
            return None;
        }
        Some(Identity {
            // A server that cannot tell the size tells enough without.
            size: self.size.unwrap_or(0),
            message_id: self.message_id.flatten(),
            date: self.date.unwrap_or(0),
            digest: None,
        })
    }
}

struct Headers<'a> {
    asked: &'a UidSet,
    found: BTreeMap<Uid, Facts>,
    header: Vec<u8>,
}

impl Missing for Headers<'_> {
    fn misses(&self, uid: Uid) -> bool {
        self.found
            .get(&uid)
            .is_none_or(|facts| facts.message_id.is_none())
    }
}

impl Headers<'_> {
    fn take(&mut self, fetch: &Fetch, header: Option<&[u8]>) {
        let Some(uid) = fetch.uid.filter(|uid| self.asked.contains(*uid)) else {
            return;
        };
        let facts = self.found.entry(uid).or_default();
        facts.size = fetch.size.or(facts.size);
        facts.date = fetch.date.or(facts.date);
        facts.message_id = header.map(message_id_hash).or(facts.message_id);
    }
}

impl Taker for Headers<'_> {
    const BODIES: bool = true;

    async fn untagged(&mut self, untagged: Untagged) -> Result<(), Error> {
        if let Untagged::Fetch(fetch) = untagged {
            let header = match &fetch.body {
                Body::Here(octets) => Some(octets.as_slice()),
                Body::Nil => Some(&[][..]),
                Body::Absent | Body::Coming(_) => None,
            };
            self.take(&fetch, header);
        }
        Ok(())
    }

    async fn head(&mut self, _fetch: &Fetch, _octets: u64) -> Result<bool, Error> {
        self.header.clear();
        Ok(true)
    }

    async fn piece(&mut self, octets: &[u8]) -> Result<(), Error> {
        let room = HEADER_LIMIT.saturating_sub(self.header.len());
        self.header.extend(octets.iter().take(room));
        Ok(())
    }

    async fn tail(&mut self, fetch: Fetch, _wanted: bool) -> Result<(), Error> {
        let header = std::mem::take(&mut self.header);
        self.take(&fetch, Some(&header));
        Ok(())
    }
}
