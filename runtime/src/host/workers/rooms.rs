//! Rooms in Durable Objects: one for each, to which all come who enter it, and which sleeps while nobody says anything.

use send_wrapper::SendWrapper;
use serde_json::json;
use wasm_bindgen::JsValue;

use super::glue;
use crate::binding::room::{Connection, EnterError, Rooms};
use crate::binding::{Reply, later};
use crate::context::hash_token;
use crate::definition::Definition;
use crate::host::log::{Level, Log};
use crate::room::{Event, Told, tell};

/// The rooms of one binding, which share a class with those of the others.
pub(super) struct Objects {
    name: &'static str,
    namespace: SendWrapper<JsValue>,
}

impl Objects {
    /// The rooms behind this binding.
    pub(super) fn new(name: &'static str, namespace: JsValue) -> Self {
        Self { name, namespace: SendWrapper::new(namespace) }
    }
}

impl Rooms for Objects {
    fn enter<'a>(&'a self, id: &'a str, seat: String) -> Reply<'a, Result<Connection, EnterError>> {
        later(SendWrapper::new(async move {
            // The name of an object is seen by people.
            let object = format!("{}:{}", self.name, hash_token(id));
            let socket = glue::enter(&self.namespace, &object, &seat).await;
            let socket = socket.map_err(|error| EnterError::Failed(glue::explain(&error)))?;
            if socket.is_undefined() {
                return Err(EnterError::Full);
            }
            Ok(Connection::new(SendWrapper::new(socket)))
        }))
    }
}

/// What comes of an event in a room, both as JSON; see `shim.mjs`.
pub(super) fn happened(
    definition: &'static Definition,
    log: &Log,
    event: &str,
    now: u64,
) -> String {
    let told = match serde_json::from_str(event) {
        Ok(event) => {
            tell_log(log, &event);
            tell(definition, event, now)
        }
        Err(error) => {
            let members = [("cause", error.to_string().into())];
            log.event(Level::Error, "room_not_understood", &members);
            Told { full: true, ..Told::default() }
        }
    };
    serde_json::to_string(&told).unwrap_or_default()
}

fn tell_log(log: &Log, event: &Event) {
    match event {
        Event::Leave { seat, code } => {
            let members = [("room", json!(seat.room)), ("code", json!(code))];
            log.event(Level::Info, "websocket_closed", &members);
        }
        Event::Woken { seats } => {
            log.event(Level::Info, "room_woken", &[("participants", json!(seats))]);
        }
        Event::Enter { .. } | Event::Hear { .. } | Event::Wake { .. } => {}
    }
}
