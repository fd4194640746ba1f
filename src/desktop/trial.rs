//! One notification, to see whether they work.

use std::time::Duration;

use tokio::sync::mpsc;

use super::bubble::Bubble;
use super::server::{self, Bus, DesktopError, Server};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A notification that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Who shows it.
    pub server: Server,
    /// The number it has there.
    pub id: u32,
}

/// Shows one notification.
///
/// # Errors
/// There is no bus, no server, or it does not answer or says no.
pub async fn test(bus: &Bus) -> Result<Trial, DesktopError> {
    let (tell, _heard) = mpsc::unbounded_channel();
    let (link, _listening) = server::connect(bus, tell).await?;
    let showing = async {
        let server = link.hello().await?;
        let bubble = Bubble {
            body: "This is how mailferry tells of new mail: <sender>, subject & text.".to_owned(),
            category: Some("email.arrived"),
            ..Bubble::plain("mail-unread", "mailferry: a test".to_owned())
        };
        let id = link
            .notify(0, &bubble.for_server(&server.abilities()))
            .await?;
        Ok(Trial { server, id })
    };
    match tokio::time::timeout(PATIENCE, showing).await {
        Ok(shown) => shown,
        Err(_) => Err(DesktopError::Silent),
    }
}
