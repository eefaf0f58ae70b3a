//! Function-level authorisation: which roles may use a route.

use crate::call::Principal;
use crate::definition::Route;
use crate::problem::{FORBIDDEN, Failure};

/// Lets only the route's roles through.
pub fn check(route: &Route, principal: Option<&Principal>) -> Result<(), Failure> {
    let allowed = |principal: &Principal| route.roles.contains(&principal.role.as_str());
    if route.roles.is_empty() || principal.is_some_and(allowed) {
        Ok(())
    } else {
        Err(Failure::of(&FORBIDDEN).because("the role may not use this route"))
    }
}
