//! Files that nobody has any more: the statement that takes a row away lists its file in the table `removed_files`, in
//! the same transaction, and this removes what is listed.
//!
//! The file goes first, then its line: whoever is stopped in between removes it once more, which is no error.

use crate::binding::sql::{Bound, Column, Done, Expect, Statement};
use crate::context::Context;
use crate::problem::Failure;

/// So many are removed at once.
const AT_ONCE: i64 = 100;

static LISTED: Statement = Statement {
    name: "removed_files",
    sql: "select key, store from removed_files order by removed_at limit :limit",
    postgres: "select key, store from removed_files order by removed_at limit $1",
    parameters: &["limit"],
    columns: &[Column::plain("key"), Column::plain("store")],
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

static FORGET: Statement = Statement {
    name: "forget_removed_file",
    sql: "delete from removed_files where key = :key and store = :store",
    postgres: "delete from removed_files where key = $1 and store = $2",
    parameters: &["key", "store"],
    ..Statement::DEFAULT
};

/// Removes the files that are listed, and says how many there were.
pub async fn sweep(context: &Context) -> Result<usize, Failure> {
    let Some(database) = context.definition().files.removed_in else { return Ok(0) };
    let run = async |bound: Bound| -> Result<Done, Failure> {
        Ok(context.database(database)?.run(bound).await?)
    };
    let mut removed = 0;
    loop {
        let listed = run(LISTED.with(&[("limit", &AT_ONCE)])).await?;
        for row in &listed.rows {
            let text = |column| row.text(column).unwrap_or_default();
            let (key, store) = (text("key"), text("store"));
            context.blob(store)?.delete(key).await?;
            run(FORGET.with(&[("key", &key), ("store", &store)])).await?;
            removed += 1;
        }
        if i64::try_from(listed.rows.len()).unwrap_or(AT_ONCE) < AT_ONCE {
            return Ok(removed);
        }
    }
}
