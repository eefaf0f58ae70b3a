//! How far an upload in several requests is: a row of the database where there is a table for it, else a file beside
//! its parts.
//!
//! A row has a revision, and a change is one statement that names the revision it was made from. Of two replicas that
//! go on with one upload at the same time, the database lets one through; the other one is told that it was late.

use serde::{Deserialize, Serialize};

use crate::binding::blob::{BlobStore, UNFINISHED};
use crate::binding::sql::{Bound, Column, Done, Expect, Statement};
use crate::context::Context;
use crate::problem::{Failure, UPLOAD_BUSY};
use crate::time;

/// So many that are over are removed at once.
const AT_ONCE: i64 = 100;

static BEGIN: Statement = Statement {
    name: "begin_upload",
    sql: "insert into unfinished_uploads (id, revision, state, expires_at) values (:id, 0, :state, :expires_at)",
    postgres: "insert into unfinished_uploads (id, revision, state, expires_at) values ($1, 0, $2, $3)",
    parameters: &["id", "state", "expires_at"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

static READ: Statement = Statement {
    name: "read_upload",
    sql: "select revision, state from unfinished_uploads where id = :id",
    postgres: "select revision, state from unfinished_uploads where id = $1",
    parameters: &["id"],
    columns: &[Column::plain("revision"), Column::plain("state")],
    reads: true,
    expect: Expect::Optional,
    ..Statement::DEFAULT
};

static CHANGE: Statement = Statement {
    name: "change_upload",
    sql: "update unfinished_uploads set revision = revision + 1, state = :state, expires_at = :expires_at \
          where id = :id and revision = :revision",
    postgres: "update unfinished_uploads set revision = revision + 1, state = $1, expires_at = $2 \
               where id = $3 and revision = $4",
    parameters: &["state", "expires_at", "id", "revision"],
    ..Statement::DEFAULT
};

static FORGET: Statement = Statement {
    name: "forget_upload",
    sql: "delete from unfinished_uploads where id = :id",
    postgres: "delete from unfinished_uploads where id = $1",
    parameters: &["id"],
    ..Statement::DEFAULT
};

static OVER: Statement = Statement {
    name: "uploads_that_are_over",
    sql: "select id, state from unfinished_uploads where expires_at <= :now order by expires_at limit :limit",
    postgres: "select id, state from unfinished_uploads where expires_at <= $1 order by expires_at limit $2",
    parameters: &["now", "limit"],
    columns: &[Column::plain("id"), Column::plain("state")],
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Parts are missing.
    Arriving,
    /// The file is in its place, or about to be; whether its row is written is not known.
    Recording,
    /// The file is there, and its row too.
    Done,
}

/// A part that has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its key in the store, which no other request writes.
    pub(crate) key: String,
    /// How many bytes it has.
    pub(crate) size: u64,
}

/// What is known of an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// Whose it is.
    pub(crate) owner: Option<String>,
    /// Where it goes on; routes take up their own uploads only.
    pub(crate) at: String,
    /// How many bytes there will be.
    pub(crate) length: u64,
    /// The file's name, as it was sent.
    pub(crate) name: Option<String>,
    /// What the client says that it is.
    pub(crate) media_type: Option<String>,
    /// Its parts; none any more when it is done.
    pub(crate) parts: Vec<Part>,
    pub(crate) phase: Phase,
    /// When it is removed (milliseconds since 1970).
    pub(crate) expires: u64,
    /// Of which revision of its row it was read.
    #[serde(skip)]
    pub(crate) revision: i64,
}

impl State {
    /// How many bytes have arrived.
    pub(crate) fn offset(&self) -> u64 {
        match self.phase {
            Phase::Done => self.length,
            Phase::Arriving | Phase::Recording => self.parts.iter().map(|part| part.size).sum(),
        }
    }
}

/// Where states are kept.
#[derive(Clone, Copy)]
pub(crate) struct States<'a> {
    context: &'a Context,
    store: &'a dyn BlobStore,
}

pub(crate) fn key(id: &str) -> String {
    format!("{UNFINISHED}{id}")
}

fn parsed(json: &[u8]) -> Result<State, Failure> {
    serde_json::from_slice(json).map_err(Failure::internal)
}

impl<'a> States<'a> {
    /// The states of uploads into this store.
    pub(crate) fn of(context: &'a Context, store: &'a dyn BlobStore) -> Self {
        Self { context, store }
    }

    /// Runs a statement where there is a table.
    async fn run(self, bound: Bound) -> Result<Option<Done>, Failure> {
        let Some(database) = self.context.definition().files.unfinished_in else { return Ok(None) };
        let done = self.context.database(database)?.run(bound).await?;
        Ok(Some(done))
    }

    /// Notes a new upload.
    pub(crate) async fn begin(self, id: &str, state: &State) -> Result<(), Failure> {
        let json = serde_json::to_string(state).map_err(Failure::internal)?;
        let expires_at = time::rfc3339(state.expires);
        let bound = BEGIN.with(&[("id", &id), ("state", &json), ("expires_at", &expires_at)]);
        if self.run(bound).await?.is_none() {
            self.store.put(&key(id), json.into(), "application/json").await?;
        }
        Ok(())
    }

    /// How far an upload is.
    pub(crate) async fn read(self, id: &str) -> Result<Option<State>, Failure> {
        let Some(done) = self.run(READ.with(&[("id", &id)])).await? else {
            let kept = self.store.get(&key(id)).await?;
            return kept.map(|kept| parsed(&kept.bytes)).transpose();
        };
        let Some(row) = done.first() else { return Ok(None) };
        let mut state = parsed(row.text("state").unwrap_or_default().as_bytes())?;
        state.revision = row.integer("revision").unwrap_or_default();
        Ok(Some(state))
    }

    /// Notes a change; somebody else's change since this state was read is a conflict, and stays.
    pub(crate) async fn change(self, id: &str, state: &mut State) -> Result<(), Failure> {
        let json = serde_json::to_string(state).map_err(Failure::internal)?;
        let (expires_at, revision) = (time::rfc3339(state.expires), state.revision);
        let bound = CHANGE.with(&[
            ("state", &json),
            ("expires_at", &expires_at),
            ("id", &id),
            ("revision", &revision),
        ]);
        match self.run(bound).await? {
            Some(done) if done.changed == 0 => return Err(Failure::of(&UPLOAD_BUSY)),
            Some(_) => state.revision += 1,
            None => {
                self.store.put(&key(id), json.into(), "application/json").await?;
            }
        }
        Ok(())
    }

    /// Forgets an upload.
    pub(crate) async fn forget(self, id: &str) -> Result<(), Failure> {
        if self.run(FORGET.with(&[("id", &id)])).await?.is_none() {
            self.store.delete(&key(id)).await?;
        }
        Ok(())
    }

    /// Uploads that are over, as far as a table knows them.
    pub(crate) async fn over(self) -> Result<Vec<(String, State)>, Failure> {
        let now = self.context.now();
        let Some(done) = self.run(OVER.with(&[("now", &now), ("limit", &AT_ONCE)])).await? else {
            return Ok(Vec::new());
        };
        let known = |row: &crate::binding::sql::Row| {
            let state = parsed(row.text("state")?.as_bytes()).ok()?;
            Some((row.text("id")?.to_owned(), state))
        };
        Ok(done.rows.iter().filter_map(known).collect())
    }
}
