//! What rtnetlink says of the machine's addresses, read: which of it is news.
//!
//! A message is `struct nlmsghdr`, then `struct ifaddrmsg`, then attributes, each padded to four octets, in the
//! machine's byte order (linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h).

use std::collections::BTreeSet;

const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const NLM_F_REQUEST: u16 = 0x1;
/// Part of a list that was asked for.
const NLM_F_MULTI: u16 = 0x2;
const NLM_F_DUMP: u16 = 0x300;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
const IFA_F_DADFAILED: u32 = 0x08;
const IFA_F_TENTATIVE: u32 = 0x40;
/// It is not known yet that nobody else has it, or somebody has: nothing comes from it.
const UNUSABLE: u32 = IFA_F_TENTATIVE | IFA_F_DADFAILED;
/// From this scope on an address leads nowhere but to the link, or to the machine itself.
const RT_SCOPE_LINK: u8 = 253;

/// An address of an interface.
type Address = (u32, Vec<u8>);

/// The addresses that are known.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: BTreeSet<Address>,
}

impl Addresses {
    /// Asks for all that there are.
    pub(super) fn question() -> Vec<u8> {
        // A header, and `ifaddrmsg` for any family.
        let mut message = 24_u32.to_ne_bytes().to_vec();
        message.extend(RTM_GETADDR.to_ne_bytes());
        message.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        message.extend([0; 16]);
        message
    }

    /// Messages were lost: what is known may not be so any more.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Takes what came in one piece. Whether an address came that was not known, or a known one went. What was asked
    /// for is no news, and neither is an address that is told of again because its lifetime has changed, as routers
    /// have it every few minutes.
    pub(super) fn take(&mut self, piece: &[u8]) -> bool {
        let mut news = false;
        let mut rest = piece;
        while let Some((kind, flags, body, after)) = message(rest) {
            rest = after;
            news |= match (kind, read(body)) {
                (RTM_NEWADDR, Some(Told::Usable(address))) => {
                    self.known.insert(address) && flags & NLM_F_MULTI == 0
                }
                // One that was usable and is no more is gone.
                (RTM_NEWADDR, Some(Told::Unusable(address)))
                | (RTM_DELADDR, Some(Told::Usable(address) | Told::Unusable(address))) => {
                    self.known.remove(&address)
                }
                _ => false,
            };
        }
        news
    }
}

/// What a message says of an address that leads somewhere.
enum Told {
    Usable(Address),
    Unusable(Address),
}

/// The first message: what it is, its flags, its body, and what follows it.
fn message(octets: &[u8]) -> Option<(u16, u16, &[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let (flags, _) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_ne_bytes(*length)).ok()?;
    let body = octets.get(16..length)?;
    let after = octets.get(padded(length)..).unwrap_or_default();
    Some((
        u16::from_ne_bytes(*kind),
        u16::from_ne_bytes(*flags),
        body,
        after,
    ))
}

fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// Reads the body of a message; `None` if it is of no address that leads somewhere.
fn read(body: &[u8]) -> Option<Told> {
    let ([_, _, flags, scope], rest) = body.split_first_chunk()?;
    let (interface, mut rest) = rest.split_first_chunk()?;
    let (mut address, mut local, mut flags) = (None, None, u32::from(*flags));
    while let Some((kind, value, after)) = attribute(rest) {
        rest = after;
        match kind {
            IFA_ADDRESS => address = Some(value),
            // On a link between two, the other attribute has the far end.
            IFA_LOCAL => local = Some(value),
            IFA_FLAGS => flags = u32::from_ne_bytes(*value.first_chunk()?),
            _ => {}
        }
    }
    let address = local.or(address)?;
    let address = (u32::from_ne_bytes(*interface), address.to_vec());
    (*scope < RT_SCOPE_LINK).then_some(if flags & UNUSABLE == 0 {
        Told::Usable(address)
    } else {
        Told::Unusable(address)
    })
}

fn attribute(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk()?;
    let (kind, _) = rest.split_first_chunk()?;
    let length = usize::from(u16::from_ne_bytes(*length));
    let value = octets.get(4..length)?;
    let after = octets.get(padded(length)..).unwrap_or_default();
    Some((u16::from_ne_bytes(*kind), value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMANENT: u32 = 0x80;
    const DEPRECATED: u32 = 0x20;
    const HERE: [u8; 4] = [192, 0, 2, 7];
    const FAR: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

    /// A message as the kernel writes it.
    fn told(
        kind: u16,
        flags: u16,
        interface: u32,
        address: &[u8],
        state: u32,
        scope: u8,
    ) -> Vec<u8> {
        let mut body = vec![2, 24, u8::try_from(state).unwrap(), scope];
        body.extend(interface.to_ne_bytes());
        let mut attribute = |kind: u16, value: &[u8]| {
            body.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        };
        attribute(IFA_ADDRESS, address);
        // IFA_LABEL, of which the padding is left out of the length.
        attribute(3, b"wlan0\0");
        attribute(IFA_FLAGS, &state.to_ne_bytes());
        // IFA_CACHEINFO: lifetimes.
        attribute(6, &[9; 16]);
        let length = u32::try_from(16 + body.len()).unwrap();
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend([7; 8]);
        message.extend(body);
        message
    }

    fn came(interface: u32, address: &[u8]) -> Vec<u8> {
        told(RTM_NEWADDR, 0, interface, address, PERMANENT, 0)
    }

    fn went(interface: u32, address: &[u8]) -> Vec<u8> {
        told(RTM_DELADDR, 0, interface, address, PERMANENT, 0)
    }

    fn listed(interface: u32, address: &[u8]) -> Vec<u8> {
        told(RTM_NEWADDR, NLM_F_MULTI, interface, address, PERMANENT, 0)
    }

    #[test]
    fn an_address_that_comes_or_goes_is_news() {
        let mut addresses = Addresses::default();
        assert!(addresses.take(&came(2, &HERE)));
        assert!(addresses.take(&came(2, &FAR)));
        assert!(addresses.take(&came(3, &HERE)));
        assert!(addresses.take(&went(2, &HERE)));
        assert!(!addresses.take(&went(2, &HERE)));
        assert!(addresses.take(&came(2, &HERE)));
    }

    #[test]
    fn what_a_router_announces_again_is_none() {
        let mut addresses = Addresses::default();
        assert!(addresses.take(&came(2, &FAR)));
        for state in [PERMANENT, 0, DEPRECATED] {
            assert!(!addresses.take(&told(RTM_NEWADDR, 0, 2, &FAR, state, 0)));
        }
    }

    #[test]
    fn what_was_there_before_is_known_and_no_news() {
        let mut addresses = Addresses::default();
        assert!(!addresses.take(&[listed(2, &HERE), listed(2, &FAR)].concat()));
        assert!(!addresses.take(&came(2, &HERE)));
        assert!(!addresses.take(&came(2, &FAR)));
        assert!(addresses.take(&went(2, &FAR)));
        addresses.forget();
        assert!(addresses.take(&came(2, &HERE)));
    }

    #[test]
    fn what_leads_nowhere_is_none() {
        let mut addresses = Addresses::default();
        for scope in [RT_SCOPE_LINK, 254] {
            for kind in [RTM_NEWADDR, RTM_DELADDR] {
                assert!(!addresses.take(&told(kind, 0, 2, &FAR, PERMANENT, scope)));
            }
        }
    }

    #[test]
    fn an_address_is_there_once_nobody_else_has_it() {
        let mut addresses = Addresses::default();
        let state = |state| told(RTM_NEWADDR, 0, 2, &FAR, state, 0);
        assert!(!addresses.take(&state(IFA_F_TENTATIVE)));
        assert!(addresses.take(&state(0)));
        assert!(addresses.take(&state(IFA_F_DADFAILED)));
        assert!(!addresses.take(&went(2, &FAR)));
    }

    #[test]
    fn several_messages_in_one_piece_are_all_read() {
        let mut addresses = Addresses::default();
        assert!(!addresses.take(&listed(2, &HERE)));
        assert!(addresses.take(&[came(2, &HERE), came(2, &FAR)].concat()));
    }

    #[test]
    fn what_is_cut_short_or_is_no_message_is_left_alone() {
        let whole = came(2, &HERE);
        for length in 0..whole.len() {
            let _ = Addresses::default().take(&whole[..length]);
        }
        for length in [0_u32, 3, 15, 17, u32::MAX] {
            let mut wrong = whole.clone();
            wrong[..4].copy_from_slice(&length.to_ne_bytes());
            assert!(!Addresses::default().take(&wrong));
        }
    }
}
