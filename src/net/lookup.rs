//! What DNS says of a domain beside addresses: the hosts of a service (SRV, RFC 2782) and those that take its mail (MX).
//!
//! A few questions at a terminal, so there is neither a cache nor a search list. The servers are those of the system.
//! Answers can be forged by anybody on the way: nothing that is learnt here may be trusted with a password by itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use resolv_conf::Config;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time;

const SYSTEM: &str = "/etc/resolv.conf";
const PORT: u16 = 53;
/// How long one server may take; there are two tries.
const PATIENCE: Duration = Duration::from_secs(3);
/// What fits into an answer over UDP without EDNS (RFC 1035 section 4.2.1), with room for those who send more.
const LARGEST: usize = 4096;

/// Why DNS said nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The name cannot be asked for.
    #[error("{0} cannot be looked up")]
    Name(String),
    /// No server answered.
    #[error("no DNS server answered")]
    Silent(#[source] io::Error),
    /// A server answered that it cannot.
    #[error("the DNS server could not tell ({0})")]
    Failed(&'static str),
}

/// The hosts and ports of a service, in the order in which they are to be tried. None, if there is no such service.
///
/// # Errors
/// See [`LookupError`].
pub async fn service(name: &str) -> Result<Vec<(String, u16)>, LookupError> {
    let answer = ask(name, TYPE::SRV).await?;
    let packet = parse(&answer)?;
    let records = packet
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            RData::SRV(srv) => Some(srv),
            _ => None,
        });
    let mut found: Vec<_> = records
        .map(|srv| {
            (
                srv.priority,
                u16::MAX - srv.weight,
                srv.target.to_string(),
                srv.port,
            )
        })
        .collect();
    found.sort();
    let targets = found
        .into_iter()
        .map(|(_, _, target, port)| (host(&target), port));
    Ok(targets.collect())
}

/// The hosts that take the mail of a domain, the preferred first.
///
/// # Errors
/// See [`LookupError`].
pub async fn exchangers(domain: &str) -> Result<Vec<String>, LookupError> {
    let answer = ask(domain, TYPE::MX).await?;
    let packet = parse(&answer)?;
    let records = packet
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            RData::MX(mx) => Some((mx.preference, host(&mx.exchange.to_string()))),
            _ => None,
        });
    let mut found: Vec<_> = records.collect();
    found.sort();
    Ok(found.into_iter().map(|(_, host)| host).collect())
}

fn host(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn parse(answer: &[u8]) -> Result<Packet<'_>, LookupError> {
    let packet =
        Packet::parse(answer).map_err(|_| LookupError::Failed("an answer that makes no sense"))?;
    match packet.rcode() {
        RCODE::NoError | RCODE::NameError => Ok(packet),
        RCODE::ServerFailure => Err(LookupError::Failed("SERVFAIL")),
        RCODE::Refused => Err(LookupError::Failed("REFUSED")),
        _ => Err(LookupError::Failed("an error")),
    }
}

/// Asks the system's servers, one after the other, twice.
async fn ask(name: &str, kind: TYPE) -> Result<Vec<u8>, LookupError> {
    let servers = servers().await;
    let mut error = io::Error::from(io::ErrorKind::TimedOut);
    for server in servers.iter().chain(&servers) {
        let (id, question) = question(name, kind)?;
        let asked = time::timeout(PATIENCE, exchange(*server, id, name, kind, &question)).await;
        match asked {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(failed)) => error = failed,
            Err(_) => {}
        }
    }
    Err(LookupError::Silent(error))
}

async fn servers() -> Vec<SocketAddr> {
    let text = tokio::task::spawn_blocking(|| std::fs::read(SYSTEM)).await;
    let text = text.ok().and_then(Result::ok).unwrap_or_default();
    let config = Config::parse(text).unwrap_or_default();
    let named = config.nameservers.iter().map(IpAddr::from);
    let mut servers: Vec<SocketAddr> = named.map(|address| (address, PORT).into()).collect();
    if servers.is_empty() {
        servers.push((Ipv4Addr::LOCALHOST, PORT).into());
    }
    servers.truncate(3);
    servers
}

fn question(name: &str, kind: TYPE) -> Result<(u16, Vec<u8>), LookupError> {
    let refused = || LookupError::Name(name.to_owned());
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|_| refused())?;
    let id = u16::from_be_bytes(id);
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let asked = Name::new(name).map_err(|_| refused())?;
    packet.questions.push(Question::new(
        asked,
        QTYPE::TYPE(kind),
        CLASS::IN.into(),
        false,
    ));
    Ok((id, packet.build_bytes_vec().map_err(|_| refused())?))
}

/// One question over UDP, and over TCP where the answer did not fit.
async fn exchange(
    server: SocketAddr,
    id: u16,
    name: &str,
    kind: TYPE,
    question: &[u8],
) -> io::Result<Vec<u8>> {
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut answer).await?;
        let octets = answer.get(..length).unwrap_or_default();
        // Whatever else comes to this port is none of ours.
        let Some(whole) = answers(octets, id, name, kind) else {
            continue;
        };
        return if whole {
            Ok(octets.to_vec())
        } else {
            exchange_in_order(server, question).await
        };
    }
}

/// Whether it is the answer to this question, and whole.
fn answers(octets: &[u8], id: u16, name: &str, kind: TYPE) -> Option<bool> {
    let packet = Packet::parse(octets).ok()?;
    let asked = packet.questions.first()?;
    let same = packet.id() == id
        && packet.has_flags(PacketFlag::RESPONSE)
        && asked.qtype == QTYPE::TYPE(kind)
        && host(&asked.qname.to_string()) == host(name);
    same.then(|| !packet.has_flags(PacketFlag::TRUNCATION))
}

async fn exchange_in_order(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(question).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_question_is_one() {
        let (id, asked) = question("_imaps._tcp.example.org", TYPE::SRV).unwrap();
        let packet = Packet::parse(&asked).unwrap();
        assert_eq!(
            answers(&asked, id, "_imaps._tcp.example.org", TYPE::SRV),
            None
        );
        let mut reply = packet.into_reply();
        let octets = reply.build_bytes_vec().unwrap();
        let of = |octets: &[u8], id, name, kind| answers(octets, id, name, kind);
        assert_eq!(
            of(&octets, id, "_imaps._TCP.example.org.", TYPE::SRV),
            Some(true)
        );
        assert_eq!(
            of(&octets, id ^ 1, "_imaps._tcp.example.org", TYPE::SRV),
            None
        );
        assert_eq!(of(&octets, id, "_imap._tcp.example.org", TYPE::SRV), None);
        assert_eq!(of(&octets, id, "_imaps._tcp.example.org", TYPE::MX), None);
        reply.set_flags(PacketFlag::TRUNCATION);
        let octets = reply.build_bytes_vec().unwrap();
        assert_eq!(
            of(&octets, id, "_imaps._tcp.example.org", TYPE::SRV),
            Some(false)
        );
        assert!(question(&"x".repeat(300), TYPE::MX).is_err());
    }
}
