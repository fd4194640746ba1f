//! One page over HTTPS, as a client that asks for little: HTTP/1.1, one connection for each request, bounded in size and
//! time. Without TLS only on this machine.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time;

use super::tls::{TlsMode, TlsSettings};
use super::{BoxStream, dial, tls};

/// How often a page may be said to be elsewhere.
const MOVES: usize = 3;

/// The address of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It is no address that is gone to.
    #[error("{0} is no https address")]
    Address(String),
    /// No connection.
    #[error(transparent)]
    Dial(#[from] dial::Error),
    /// No trusted TLS.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// What came is no HTTP.
    #[error("the server does not speak HTTP")]
    Protocol(#[source] hyper::Error),
    /// The page is too large or broke off.
    #[error("the page is too large or broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server has no such page, or does not give it.
    #[error("the server answers {0}")]
    Status(u16),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

impl Url {
    /// Reads `https://host[:port]/path`, or the same with `http` for this machine. User names are refused.
    ///
    /// # Errors
    /// [`WebError::Address`].
    pub fn parse(text: &str) -> Result<Self, WebError> {
        let refused = || WebError::Address(text.escape_default().take(200).collect());
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(refused()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or_else(refused)?;
        let path = path.split('#').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (
                host,
                port.parse()
                    .ok()
                    .filter(|port| *port != 0)
                    .ok_or_else(refused)?,
            ),
            _ => (authority, if secure { 443 } else { 80 }),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let fits = |text: &str| text.bytes().all(|octet| octet.is_ascii_graphic());
        if host.is_empty() || host.contains('@') || !fits(host) || !fits(path) {
            return Err(refused());
        }
        Ok(Self {
            secure,
            host: host.to_ascii_lowercase(),
            port,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }

    /// Where a page of this address says that it is instead.
    fn moved(&self, location: &str) -> Result<Self, WebError> {
        let next = if location.starts_with('/') && !location.starts_with("//") {
            Self::parse(&format!("{}{location}", self.origin()))?
        } else {
            Self::parse(location)?
        };
        if self.secure && !next.secure {
            return Err(WebError::Address(
                location.escape_default().take(200).collect(),
            ));
        }
        Ok(next)
    }

    fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)
    }
}

/// Gets a page of at most `largest` bytes. All of it may take `limit`.
///
/// # Errors
/// See [`WebError`].
pub async fn get(url: &Url, largest: usize, limit: Duration) -> Result<Bytes, WebError> {
    let all = async {
        let mut at = url.clone();
        for _ in 0..=MOVES {
            match ask(&at, largest, limit).await? {
                Answer::Page(page) => return Ok(page),
                Answer::Moved(location) => at = at.moved(&location)?,
            }
        }
        Err(WebError::Status(StatusCode::LOOP_DETECTED.as_u16()))
    };
    time::timeout(limit, all)
        .await
        .unwrap_or(Err(WebError::Timeout(limit)))
}

enum Answer {
    Page(Bytes),
    Moved(String),
}

async fn ask(url: &Url, largest: usize, limit: Duration) -> Result<Answer, WebError> {
    let stream = connect(url, limit).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(WebError::Protocol)?;
    let request = Request::get(&url.path)
        .header(HOST, url.authority())
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .header(USER_AGENT, concat!("mailferry/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|_| WebError::Address(url.to_string()))?;
    let asking = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(WebError::Protocol)?;
        answer(response, largest).await
    };
    tokio::pin!(asking);
    let ended = tokio::select! {
        answer = &mut asking => return answer,
        ended = connection => ended,
    };
    // The end of the connection may come first; what was sent before it is still there.
    ended.map_err(WebError::Protocol)?;
    asking.await
}

async fn answer(
    response: Response<hyper::body::Incoming>,
    largest: usize,
) -> Result<Answer, WebError> {
    let status = response.status();
    if status.is_redirection() {
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        return location
            .map(|location| Answer::Moved(location.to_owned()))
            .ok_or(WebError::Status(status.as_u16()));
    }
    if status != StatusCode::OK {
        return Err(WebError::Status(status.as_u16()));
    }
    let body = Limited::new(response.into_body(), largest).collect().await;
    Ok(Answer::Page(body.map_err(WebError::Body)?.to_bytes()))
}

async fn connect(url: &Url, limit: Duration) -> Result<BoxStream, WebError> {
    if !url.secure {
        let tcp = dial::connect_loopback(&url.host, url.port, limit).await?;
        return Ok(Box::new(tcp));
    }
    let trust = TlsSettings::new(TlsMode::Implicit, None, Vec::new());
    trust.prepare().await?;
    let tcp = dial::connect(&url.host, url.port, limit).await?;
    let secured = trust.handshake(&url.host, tcp).await?;
    Ok(Box::new(secured.stream))
}

impl From<WebError> for io::Error {
    fn from(error: WebError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    /// What comes of a page whose server gives these answers, one for each request.
    async fn got(answers: &[&str], largest: usize) -> (Result<Bytes, WebError>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("http://127.0.0.1:{port}/a?b=c#d")).unwrap();
        let mut asked = Vec::new();
        let serving = async {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let answer = answer.replace("PORT", &port.to_string());
                stream.write_all(answer.as_bytes()).await.unwrap();
                asked.push(String::from_utf8(request).unwrap());
            }
            std::future::pending::<()>().await;
        };
        let page = tokio::select! {
            page = get(&url, largest, LIMIT) => page,
            () = serving => unreachable!(),
        };
        (page, asked)
    }

    #[tokio::test]
    async fn a_page_is_fetched_and_followed_where_it_went() {
        let page = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let (got_page, asked) = got(&[page], 5).await;
        assert_eq!(got_page.unwrap(), "hello");
        assert!(asked[0].starts_with("GET /a?b=c HTTP/1.1\r\n"), "{asked:?}");
        let moved = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
        let (got_page, asked) = got(&[moved, page], 5).await;
        assert_eq!(got_page.unwrap(), "hello");
        assert!(asked[1].starts_with("GET /x HTTP/1.1\r\n"), "{asked:?}");
        let round = [moved; 4];
        assert!(matches!(got(&round, 5).await.0, Err(WebError::Status(508))));
    }

    #[tokio::test]
    async fn what_is_no_page_is_an_error() {
        let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        assert!(matches!(
            got(&[missing], 5).await.0,
            Err(WebError::Status(404))
        ));
        let large = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!";
        assert!(matches!(got(&[large], 5).await.0, Err(WebError::Body(_))));
        assert!(matches!(
            got(&["* OK hello\r\n"], 5).await.0,
            Err(WebError::Protocol(_))
        ));
        // Without TLS nothing leaves this machine.
        let away = "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n";
        assert!(matches!(got(&[away], 5).await.0, Err(WebError::Dial(_))));
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (text, shown) in [
            ("https://Example.org", "https://example.org/"),
            (
                "https://example.org:443/a/b?c#d",
                "https://example.org/a/b?c",
            ),
            ("https://example.org:8443?x", "https://example.org:8443/?x"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "ftp://x/",
            "https://",
            "https://u@h/",
            "https://h:0/",
            "https://h:x/",
            "https://h/a b",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        let secure = Url::parse("https://example.org/a").unwrap();
        assert!(secure.moved("http://127.0.0.1/").is_err());
        assert_eq!(
            secure.moved("/b").unwrap().to_string(),
            "https://example.org/b"
        );
    }
}
