//! What is to be checked: the plan, the spec it names, and what the spec says about each route.

mod dialect;
mod letters;
mod load;
mod target;

pub use letters::LetterRoutes;
pub use load::{PlanError, load_plan, load_service};
pub use target::{ApiKeyScheme, JwtScheme, Target, WebhookScheme, rates};
