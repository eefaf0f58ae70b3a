//! How learning platforms open the service (LTI 1.3).

use crate::answer::Outcome;
use crate::call::Call;
use crate::lti;

/// Sends the browser to the platform to log in there.
pub async fn lti_login(call: &mut Call) -> Outcome {
    lti::login(call).await
}

/// Begins a session for who a platform says.
pub async fn lti_launch(call: &mut Call) -> Outcome {
    lti::launch(call).await
}

/// Answers the service's own key set.
pub async fn lti_keys(call: &mut Call) -> Outcome {
    lti::keys(call).await
}

/// Answers how a platform is to register the service.
pub async fn lti_configuration(call: &mut Call) -> Outcome {
    lti::configuration(call)
}

/// Signs what somebody chose for a platform.
pub async fn lti_deep_link(call: &mut Call) -> Outcome {
    lti::deep_link(call).await
}

/// Registers a platform.
pub async fn lti_register(call: &mut Call) -> Outcome {
    lti::register(call).await
}
