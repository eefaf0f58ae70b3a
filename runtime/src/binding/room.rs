//! Rooms, each of which is in one place, wherever those come from who enter it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::Reply;

/// Why somebody did not get in.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// As many are in it as may be.
    #[error("the room is full")]
    Full,
    /// The room did not answer.
    #[error("the room failed: {0}")]
    Failed(String),
}

/// The rooms of one binding.
pub trait Rooms: Send + Sync + 'static {
    /// Takes a seat in the room with this id, for what becomes a WebSocket.
    fn enter<'a>(&'a self, id: &'a str, seat: String) -> Reply<'a, Result<Connection, EnterError>>;
}

/// The room's side of a WebSocket, on its way to the host that gave it.
#[derive(Clone)]
pub struct Connection(Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// What the host needs to go on.
    pub fn new(of_host: impl Any + Send + Sync) -> Self {
        Self(Arc::new(of_host))
    }

    /// What the host needs to go on.
    pub fn of_host<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}
