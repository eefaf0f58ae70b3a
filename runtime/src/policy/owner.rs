//! Object-level authorisation: whose object the path names.

use crate::binding::sql::ToParameter;
use crate::call::Call;
use crate::definition::Owner;
use crate::problem::Failure;

/// Lets only the owner through. For everyone else the object does not exist.
pub async fn check(call: &Call, owner: &Owner) -> Result<(), Failure> {
    let values: Vec<_> =
        owner.with.iter().map(|(name, operand)| (*name, call.operand(operand))).collect();
    let values: Vec<(&str, &dyn ToParameter)> =
        values.iter().map(|(name, value)| (*name, value as &dyn ToParameter)).collect();
    let bound = owner.statement.with(&values);
    drop(values);
    // What copies have may be too old to decide by.
    let done = call.context.run(bound).await?;
    let principal = &call.principal()?.id;
    match done.first().and_then(|row| row.text("owner")) {
        Some(found) if found == principal => Ok(()),
        Some(_) => Err(Failure::of(owner.otherwise).because("the object is another's")),
        None => Err(Failure::of(owner.otherwise)),
    }
}
