//! Emergency switches: what is not answered while one is on, and how that is told.

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::context::Context;
use crate::definition::{Method, Route, Switch};
use crate::problem::{Failure, MAINTENANCE, READ_ONLY};

/// Refuses what is not answered now. Routes about health and those that switch are answered always.
pub async fn check(context: &Context, route: &Route) -> Result<(), Failure> {
    let switches = &context.definition().switches;
    if context.definition().health_paths.contains(&route.path) || route.switches {
        return Ok(());
    }
    let goes_on = |switch: &Switch| switch.except.contains(&(route.method, route.path));
    if let Some(switch) = switches.maintenance.as_ref().filter(|switch| !goes_on(switch)) {
        refuse_if(context, "maintenance", switch).await?;
    }
    if route.method == Method::Get {
        return Ok(());
    }
    match switches.read_only.as_ref().filter(|switch| !goes_on(switch)) {
        Some(switch) => refuse_if(context, "read_only", switch).await,
        None => Ok(()),
    }
}

/// Refuses what has no route while nothing is answered.
pub async fn check_unrouted(context: &Context) -> Result<(), Failure> {
    match &context.definition().switches.maintenance {
        Some(switch) => refuse_if(context, "maintenance", switch).await,
        None => Ok(()),
    }
}

async fn refuse_if(context: &Context, name: &str, switch: &Switch) -> Result<(), Failure> {
    let (active, _) = context.switchboard().switch(context, name).await;
    if !active {
        return Ok(());
    }
    let problem = if name == "read_only" { &READ_ONLY } else { &MAINTENANCE };
    let failure = Failure::of(problem).retry_after(switch.retry_after);
    Err(match switch.message {
        Some(message) => failure.detail(message),
        None => failure,
    })
}

/// The failure as a page, for browsers; nothing where a program asks, or something else is wrong.
pub fn page(failure: &Failure, headers: &HeaderMap, rendered: &mut Response<Bytes>) {
    if failure.problem() != &MAINTENANCE {
        return;
    }
    let vary = HeaderValue::from_static("Accept");
    rendered.headers_mut().insert(VARY, vary);
    rendered.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !wants_page(headers) {
        return;
    }
    let title = escape(failure.problem().title);
    let text = escape(failure.client_detail().unwrap_or("Please come again later."));
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n<p>{text}</p>\n</html>\n"
    );
    *rendered.body_mut() = Bytes::from(page);
    *rendered.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    rendered.headers_mut().insert(CONTENT_TYPE, html);
}

/// Whether a page is liked better than JSON (RFC 9110, section 12.5.1). What says nothing of pages is a program.
fn wants_page(headers: &HeaderMap) -> bool {
    let (mut page, mut json) = (0.0_f32, 0.0_f32);
    for value in headers.get_all(ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight =
                parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            match name.as_str() {
                "text/html" | "application/xhtml+xml" => page = page.max(weight),
                "application/json" | "application/problem+json" => json = json.max(weight),
                _ => {}
            }
        }
    }
    page > json
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_shown_a_page_and_programs_a_problem() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("application/json", false),
            ("*/*", false),
            ("text/html;q=0.5, application/json", false),
            ("application/json;q=0.5, text/html", true),
            ("text/html;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_page(&headers), expected, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn nothing_of_a_message_becomes_markup() {
        assert_eq!(escape("<b a=\"&\">"), "&lt;b a=&quot;&amp;&quot;&gt;");
    }
}
