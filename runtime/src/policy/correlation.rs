//! Ids that connect an answer with its log line and its caller's trace.

use http::HeaderMap;

use crate::context::{Context, hex};

/// The ids of one request.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// `X-Correlation-ID`, the client's or a new one.
    pub id: String,
    /// The trace id of `traceparent` (W3C Trace Context), continued or begun.
    pub trace_id: String,
}

/// The ids of a request; what a client sends is only taken when it is well-formed.
pub fn correlate(context: &Context, headers: &HeaderMap) -> Correlation {
    let sent = headers.get("x-correlation-id").and_then(|value| value.to_str().ok());
    let id = match sent.filter(|id| is_valid(id)) {
        Some(id) => id.to_owned(),
        // Without randomness the id is not unique, which is no reason to refuse a request.
        None => context.new_id().unwrap_or_else(|_| context.now()),
    };
    let trace = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let trace_id = trace.and_then(trace_id).map_or_else(|| new_trace_id(context), str::to_owned);
    Correlation { id, trace_id }
}

fn new_trace_id(context: &Context) -> String {
    let mut random = [0_u8; 16];
    // Without randomness the trace is not unique, which is no reason to refuse a request.
    let _ = context.fill(&mut random);
    hex(&random)
}

fn is_valid(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The trace id of `00-<32 hex>-<16 hex>-<2 hex>`.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.splitn(4, '-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let not_zero = |text: &str| text.bytes().any(|byte| byte != b'0');
    let valid = version == "00" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    (valid && not_zero(trace) && not_zero(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_ids_are_taken() {
        assert!(is_valid("a.B-3_x"));
        for id in ["", "a b", "a\"b", "a\nb", "é", &"x".repeat(129)] {
            assert!(!is_valid(id), "{id}");
        }
    }

    #[test]
    fn a_trace_is_continued_only_when_it_is_well_formed() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{trace}-00f067aa0ba902b7-01")), Some(trace));
        for bad in [
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{trace}-00f067aa0ba902b7"),
        ] {
            assert_eq!(trace_id(&bad), None, "{bad}");
        }
    }
}
