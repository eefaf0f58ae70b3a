//! Whose turn it is to send: whoever counts what a limit of all lets through sends alone.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURN: RwLock<()> = RwLock::const_new(());

/// Nobody else sends as long as this is kept, but those who expect a limit to refuse them.
#[derive(Debug)]
pub struct Alone(
    #[expect(dead_code, reason = "it is kept, not read")] RwLockWriteGuard<'static, ()>,
);

/// Waits until what others have sent is answered, and keeps them from sending more.
pub async fn alone() -> Alone {
    Alone(TURN.write().await)
}

/// Waits until nobody wants to be alone.
pub(crate) async fn among_others() -> RwLockReadGuard<'static, ()> {
    TURN.read().await
}
