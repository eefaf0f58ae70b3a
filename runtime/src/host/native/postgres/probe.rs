//! Whether the server answers, asked over a connection of its own: a service all of whose connections
//! are busy works, and must not be taken for one that has lost its database.

use std::sync::{Mutex, PoisonError};

use deadpool_postgres::Pool;
use tokio::sync::watch;

use super::{PING, error, unavailable};
use crate::binding::sql::SqlError;

/// What came of a question; `None` while there is no answer.
type Answer = Option<Result<(), String>>;

/// Asks one question at a time; who asks meanwhile gets the same answer.
pub(super) struct Probe {
    pool: Pool,
    under_way: Mutex<Option<watch::Receiver<Answer>>>,
}

impl Probe {
    /// Asks over this pool of one connection.
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, under_way: Mutex::default() }
    }

    /// Whether the server answers. The question goes on when who asked has no more patience.
    pub(super) async fn ask(&self) -> Result<(), SqlError> {
        let mut answer = self.question();
        let known = answer.wait_for(Option::is_some).await;
        let known = known.ok().and_then(|known| known.clone());
        let gone = || Err("nobody asks any more".to_owned());
        known.unwrap_or_else(gone).map_err(SqlError::Unavailable)
    }

    fn question(&self) -> watch::Receiver<Answer> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // One whose sender is gone will never be answered.
        let open = |answer: &&watch::Receiver<Answer>| {
            answer.borrow().is_none() && answer.has_changed().is_ok()
        };
        if let Some(answer) = under_way.as_ref().filter(open) {
            return answer.clone();
        }
        let (tell, answer) = watch::channel(None);
        let pool = self.pool.clone();
        tokio::spawn(async move {
            let asked = tokio::time::timeout(PING, select_one(&pool)).await;
            let late = || Err("the server does not answer in time".to_owned());
            tell.send_replace(Some(asked.unwrap_or_else(|_| late())));
        });
        *under_way = Some(answer.clone());
        answer
    }

    /// Ends its connection.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

async fn select_one(pool: &Pool) -> Result<(), String> {
    let connection = pool.get().await.map_err(|error| unavailable(&error).to_string())?;
    connection.batch_execute("select 1").await.map_err(|error| error::text(&error))
}
