//! What logind says of the machine's sleep, on the system bus. Where there is no such bus nothing is ever said.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use zbus::message::Type;
use zbus::{Address, MatchRule, MessageStream};

use crate::bus;

const LOGIND: &str = "org.freedesktop.login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
/// How soon the bus is looked for again once it was there, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(120)];
/// Awakenings that nobody has asked about yet are one.
const KEPT: usize = 1;

/// Tells when the machine has woken up.
#[derive(Debug)]
pub struct Awakenings(mpsc::Receiver<()>);

impl Awakenings {
    /// Listens from now on, as a task of its own.
    #[must_use]
    pub fn listen() -> Self {
        let (sender, receiver) = mpsc::channel(KEPT);
        tokio::spawn(async move {
            let [mut delay, longest] = AGAIN;
            // A machine without a system bus gets none later.
            while let Ok(heard) = hear(&sender).await {
                if heard == Heard::NobodyListens {
                    return;
                }
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(longest);
            }
            tracing::debug!("no system bus: logind will not be heard");
        });
        Self(receiver)
    }

    /// Waits for the next awakening; for ever where none can be noticed.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[derive(PartialEq, Eq)]
enum Heard {
    BusEnded,
    NobodyListens,
}

/// Listens until the bus ends. Only logind itself is believed: anybody can send signals of this name.
async fn hear(sender: &mpsc::Sender<()>) -> zbus::Result<Heard> {
    let connection = bus::to(Address::system()?).await?.build().await?;
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(LOGIND)?
        .interface(MANAGER)?
        .member("PrepareForSleep")?
        .build();
    let mut signals = MessageStream::for_match_rule(rule, &connection, Some(4)).await?;
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = sender.closed() => return Ok(Heard::NobodyListens),
        };
        let Some(Ok(signal)) = signal else {
            return Ok(Heard::BusEnded);
        };
        let about_to_sleep: zbus::Result<bool> = signal.body().deserialize();
        if matches!(about_to_sleep, Ok(false)) {
            // One that waits says the same.
            let _ = sender.try_send(());
        }
    }
}
