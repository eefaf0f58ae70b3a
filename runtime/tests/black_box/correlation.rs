//! The correlation id and the trace go through the answer, the log and the problem document.

use super::support::Service;

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

#[test]
fn valid_id_goes_through_answer_log_and_problem() {
    let service = Service::start();
    let reply = service.ask("GET", "/api/v1/me").header("X-Correlation-ID", "order-66_a.B").send();
    assert_eq!(reply.header("x-correlation-id"), Some("order-66_a.B"));
    assert_eq!(reply.json()["correlation_id"], "order-66_a.B");
    let line = service.log_line(|line| line["correlation_id"] == "order-66_a.B");
    assert_eq!(line["status"], 401);
}

#[test]
fn missing_or_malformed_id_is_replaced() {
    let service = Service::start();
    let long = "x".repeat(129);
    for bad in
        ["", " ", "a b", "a\tb", "<script>", "a,b", "\u{e9}", &long, "a/b", "a\"b", "${jndi:x}"]
    {
        let reply = service.ask("GET", "/health").header("X-Correlation-ID", bad).send();
        let id = reply.header("x-correlation-id").unwrap();
        assert!(is_uuid(id), "{bad:?} became {id}");
    }
    let longest = "x".repeat(128);
    let reply = service.ask("GET", "/health").header("X-Correlation-ID", &longest).send();
    assert_eq!(reply.header("x-correlation-id"), Some(longest.as_str()));
    let one = service.ask("GET", "/health").send();
    let two = service.ask("GET", "/health").send();
    assert!(is_uuid(one.header("x-correlation-id").unwrap()));
    assert_ne!(one.header("x-correlation-id"), two.header("x-correlation-id"));
}

#[test]
fn trace_is_continued_or_begun() {
    let service = Service::start();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let ask = service.ask("GET", "/health").header("X-Correlation-ID", "traced");
    ask.header("traceparent", &parent).send();
    let line = service.log_line(|line| line["correlation_id"] == "traced");
    assert_eq!(line["trace_id"], trace);
    let zero = "0".repeat(32);
    for (number, bad) in [
        format!("00-{zero}-00f067aa0ba902b7-01"),
        format!("00-{trace}-0000000000000000-01"),
        format!("ff-{trace}-00f067aa0ba902b7-01"),
        format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
        format!("00-{trace}-00f067aa0ba902b7"),
        "garbage".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("begun-{number}");
        service
            .ask("GET", "/health")
            .header("X-Correlation-ID", &id)
            .header("traceparent", bad)
            .send();
        let line = service.log_line(|line| line["correlation_id"] == id.as_str());
        let begun = line["trace_id"].as_str().unwrap();
        assert!(begun.len() == 32 && begun != trace && begun != zero, "{bad}: {begun}");
    }
}
