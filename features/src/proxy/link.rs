//! One way through the proxy: an address to connect to, the server behind it, and what happens in between.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::carry;

/// What is done to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Toxic {
    /// What the server says arrives later, in milliseconds, and by so many at random later still.
    Latency(u64, u64),
    /// So many bytes a second, either way.
    Bandwidth(u64),
    /// Every connection is reset, and so are new ones.
    Reset,
    /// Nothing arrives, either way, until it is over.
    BlackHole,
    /// The server says nothing more on the connections that there are; new ones work.
    HalfClose,
}

/// One way through the proxy.
#[derive(Debug)]
pub struct Link {
    /// What it is called.
    pub name: String,
    /// Where to connect to.
    pub address: SocketAddr,
    server: String,
    toxic: watch::Sender<Option<Toxic>>,
    connections: AtomicU64,
}

impl Link {
    /// Listens on loopback for connections to `server`; with what it listens on.
    pub async fn new(name: &str, server: &str) -> std::io::Result<(Self, TcpListener)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let link = Self {
            name: name.to_owned(),
            address: listener.local_addr()?,
            server: server.to_owned(),
            toxic: watch::Sender::new(None),
            connections: AtomicU64::new(0),
        };
        Ok((link, listener))
    }

    /// What happens from now on; with nothing, everything passes again.
    pub fn set(&self, toxic: Option<Toxic>) {
        self.toxic.send_replace(toxic);
    }

    /// What happens now.
    pub fn toxic(&self) -> Option<Toxic> {
        *self.toxic.borrow()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Carries connections for as long as it is polled.
    pub async fn serve(&self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            let number = self.connections.fetch_add(1, Ordering::Relaxed);
            let (server, toxic) = (self.server.clone(), self.toxic.subscribe());
            tokio::spawn(async move {
                let away = *toxic.borrow() == Some(Toxic::Reset);
                match TcpStream::connect(server).await {
                    Ok(server) if !away => carry::carry(client, server, toxic, number).await,
                    // Without a server behind it, the connection is refused as late as a proxy can.
                    _ => {
                        let _ = client.set_zero_linger();
                    }
                }
            });
        }
    }
}
