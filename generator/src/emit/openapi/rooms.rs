//! What is said in a room, in the API's document; OpenAPI has no words of its own for it.

use proofline_spec::document::room::{IDLE, MAX_MESSAGE, PARTICIPANTS};
use proofline_spec::document::{Binding, EnterRoom, Operation, Route, Service};
use serde_json::{Value, json};

use super::schemas;

/// Names of the schemas that the messages of a route's room refer to.
pub(super) fn schemas_of<'a>(service: &'a Service, route: &Route) -> Option<[&'a str; 2]> {
    let Operation::Room(enter) = &route.op else { return None };
    let Binding::Room { message, .. } = service.bindings.get(&enter.binding)? else { return None };
    Some([message, service.queries.get(&enter.run)?.returns.as_deref()?])
}

/// What is answered to who may enter.
pub(super) fn of_room(service: &Service, enter: &EnterRoom) -> Option<(u16, Value)> {
    let Binding::Room { message, rate, participants, max_message, idle } =
        service.bindings.get(&enter.binding)?
    else {
        return None;
    };
    let member = service.queries.get(&enter.run)?.returns.as_deref()?;
    let (participants, size) =
        (participants.unwrap_or(PARTICIPANTS), max_message.unwrap_or(MAX_MESSAGE));
    let idle = idle.unwrap_or(IDLE);
    let description = format!(
        "With `Upgrade: websocket` (RFC 6455, version 13) the connection becomes a WebSocket of the room, for at most \
         {participants} participants. Who is in it sends a `{message}` as one text message of at most {size}, {rate} at \
         the most; all others get it. `ping` is answered with `pong`. The service closes with 1003 what is binary, 1008 \
         who says too much, 1009 what is too large, 4401 when the credential no longer holds, 4408 after {idle} of \
         silence, 4409 when the same caller entered again. A page names the subprotocols `proofline.v1` and \
         `bearer.<token>`, as it can set no header."
    );
    let frame = |kind: &str, mut members: Value| {
        members["type"] = json!({ "const": kind });
        let required: Vec<&String> =
            members.as_object().into_iter().flatten().map(|(n, _)| n).collect();
        json!({ "type": "object", "required": required, "properties": members })
    };
    let who = schemas::reference(member);
    let time = json!({ "type": "string", "format": "date-time" });
    let refused = json!({
        "type": "object",
        "description": "What was sent is told to nobody.",
        "required": ["type", "problem"],
        "properties": {
            "type": { "const": "refused" },
            "problem": { "type": "string" },
            "detail": { "type": "string" },
            "errors": { "type": "array", "items": { "type": "object" } },
        },
    });
    let receives = [
        frame("welcome", json!({ "you": who, "members": { "type": "array", "items": who } })),
        frame("joined", json!({ "member": who, "at": time })),
        frame("left", json!({ "member": who })),
        frame(
            "message",
            json!({ "from": who, "at": time, "message": schemas::reference(message) }),
        ),
        refused,
    ];
    let answer = json!({
        "description": description,
        "x-websocket": { "sends": schemas::reference(message), "receives": { "oneOf": receives } },
    });
    Some((101, answer))
}
