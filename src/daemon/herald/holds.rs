//! Deletions that are held until the user decides: told of when they are there and were not told of so, and taken back when
//! they are over, whoever decided.

use std::collections::BTreeMap;

use super::{Herald, Listener};
use crate::engine::ports::{LetterStore, Store};
use crate::engine::{Fault, Home};
use crate::sync::{Hold, HoldId, HoldVerdict, Occasion};

impl<P: Home<Store: LetterStore>, L: Listener> Herald<'_, P, L> {
    /// Holds that are new, or hold another number of deletions than was told. Those that are gone are taken back.
    pub(super) async fn compare_holds(&mut self) -> Vec<Occasion> {
        let open = match self.open_holds().await {
            Ok(open) => open,
            Err(fault) => {
                tracing::warn!("held deletions cannot be looked for: {fault}");
                self.fresh = true;
                return Vec::new();
            }
        };
        let now: BTreeMap<HoldId, u64> = open.iter().map(|(hold, many)| (hold.id, *many)).collect();
        let over = self.holds.keys().filter(|id| !now.contains_key(id));
        let over: Vec<String> = over.map(|id| self.name_of(*id)).collect();
        if !over.is_empty() {
            self.listener.decided(&self.account, &over);
        }
        let before = std::mem::replace(&mut self.holds, now);
        let news = open
            .into_iter()
            .filter(|(hold, many)| before.get(&hold.id) != Some(many));
        news.filter_map(|(hold, count)| {
            Some(Occasion::Hold {
                id: self.name_of(hold.id),
                mailbox: self.names.of(hold.mailbox)?.clone(),
                count,
                reason: hold.reason,
            })
        })
        .collect()
    }

    /// As `holds` prints it.
    fn name_of(&self, hold: HoldId) -> String {
        format!("{}:{}", self.account, hold.0)
    }

    /// Those that wait for the user, with the number of deletions.
    async fn open_holds(&mut self) -> Result<Vec<(Hold, u64)>, Fault> {
        let all = self.parts.store().holds().await?;
        let mut open = Vec::new();
        for hold in all {
            if hold.verdict != HoldVerdict::Open {
                continue;
            }
            if self.names.of(hold.mailbox).is_none() {
                self.names.refresh(self.parts.store()).await?;
            }
            let base = self.parts.store().base(hold.mailbox).await;
            let held = base.map_or(0, |base| {
                let held = base.entries.iter().filter(|it| it.hold == Some(hold.id));
                u64::try_from(held.count()).unwrap_or(u64::MAX)
            });
            open.push((hold, held));
        }
        Ok(open)
    }
}
