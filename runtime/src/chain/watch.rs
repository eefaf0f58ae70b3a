//! A request that becomes a WebSocket, and every look that is taken for it afterwards: with the policies of the route.

use bytes::Bytes;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::Chain;
use crate::answer::Answer;
use crate::call::Call;
use crate::definition::Watch;
use crate::flags::EvaluationContext;
use crate::policy::auth::{self, Identified};
use crate::policy::{address, owner, role, switch, timeout};
use crate::problem::{Failure, MAINTENANCE, TIMEOUT, TOO_MANY_CONNECTIONS, UPGRADE_REQUIRED};
use crate::service::Service;
use crate::watch::handshake::{self, SUBPROTOCOL, Upgrading};
use crate::watch::{Begun, Close, Told, Watching};

/// An answer that switches protocols names the subprotocol, where the client offered it.
pub(super) fn switched(mut response: Response<Bytes>, headers: &HeaderMap) -> Response<Bytes> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && handshake::offers_subprotocol(headers)
    {
        let named = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, named);
    }
    response
}

impl<S: Service> Chain<S> {
    /// How the route is followed, if the client asks for that and may.
    pub(super) async fn follows(
        &self,
        call: &Call,
        parts: &http::request::Parts,
    ) -> Option<&'static Watch> {
        let watch = call.route.watch?;
        parts.extensions.get::<Upgrading>()?;
        let Some(flag) = watch.flag else { return Some(watch) };
        let whom = call.principal.as_ref().map(EvaluationContext::from).unwrap_or_default();
        self.context.evaluate(flag, &whom).await.value.then_some(watch)
    }

    /// Refuses what cannot become a WebSocket on a route that answers nothing else.
    pub(super) fn may_switch(&self, parts: &http::request::Parts) -> Result<(), Failure> {
        if parts.extensions.get::<Upgrading>().is_none() {
            let detail = "This is entered over a WebSocket.";
            return Err(Failure::of(&UPGRADE_REQUIRED).detail(detail));
        }
        self.may_begin(&parts.headers)
    }

    fn may_begin(&self, headers: &HeaderMap) -> Result<(), Failure> {
        handshake::check(headers)?;
        handshake::check_origin(headers, self.cors.as_ref())?;
        if self.context.is_draining() {
            return Err(Failure::unavailable("the process is about to end"));
        }
        Ok(())
    }

    /// Begins to follow what a route answers. What cannot be answered over HTTP does not become a WebSocket.
    pub(super) async fn begin(
        &self,
        call: Call,
        watch: &'static Watch,
        headers: &HeaderMap,
    ) -> Result<Response<Bytes>, Failure> {
        self.may_begin(headers)?;
        let caller = match &call.principal {
            Some(principal) => format!("principal {}", principal.id),
            None => format!("address {}", address::key(call.client)),
        };
        let keys = call.path.values().filter_map(|value| value.as_str().map(str::to_owned));
        let sat =
            self.context.watchers().sit(call.route.path, caller, watch.connections, keys.collect());
        let sat = sat.ok_or_else(|| Failure::of(&TOO_MANY_CONNECTIONS))?;
        // Only what is needed to ask again.
        let kept = call.route.auth.iter().filter_map(|scheme| {
            let name = auth::header(scheme);
            let value = headers.get(name)?.clone();
            Some((http::HeaderName::try_from(name).ok()?, value))
        });
        let mut watching = Watching::new(call, kept.collect(), watch, sat);
        watching.look(self.context.clock().monotonic());
        let mut again = watching.call.again();
        let answer = self.operate(&mut again, watching.call.route.timeout).await?;
        let first = watching.seen(answer.body);
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.extensions_mut().insert(Begun::new(watching, first));
        Ok(switched(response, headers))
    }

    /// Looks again, as if the client had asked again.
    pub async fn look(&self, watching: &mut Watching) -> Told {
        let clock = self.context.clock();
        watching.look(clock.monotonic());
        let route = watching.call.route;
        let asking = self.ask_again(watching);
        match timeout::within(clock, route.timeout, &TIMEOUT, asking).await {
            Ok(answer) => watching.seen(answer.body),
            // Maintenance is meant: who comes again is answered over HTTP what is the matter.
            Err(failure) if failure.problem().name == MAINTENANCE.name => {
                Told { text: None, close: Some(Close::AGAIN_LATER) }
            }
            Err(failure) => watching.refused(failure.problem().status),
        }
    }

    async fn ask_again(&self, watching: &Watching) -> Result<Answer, Failure> {
        let route = watching.call.route;
        switch::check(&self.context, route).await?;
        let mut call = watching.call.again();
        if let Identified::Principal(principal) =
            auth::identify(&self.context, route, &watching.headers).await?
        {
            call.principal = Some(principal);
        }
        role::check(route, call.principal.as_ref())?;
        self.condition(route, call.principal.as_ref()).await?;
        if let Some(owner) = &route.owner {
            owner::check(&call, owner).await?;
        }
        self.service.answer(&mut call).await
    }
}
