//! Routes that take files and give them back: kinds that can be told, methods, several requests, platforms.

use super::at::At;
use super::context::Context;
use super::requests::suggest_binding;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::upload::KINDS;
use crate::document::{
    Answer, Binding, Expression, Map, Method, Operation, Route, RouteKey, Source, Target, Upload,
};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, key, route) in context.routes() {
        let at = routes.key(text.as_str());
        let op = at.key("op");
        answer(context, route, &at, found);
        match &route.op {
            Operation::Upload(upload) => {
                let here = op.key("upload");
                binding(context, &upload.to, &here.key("to"), found);
                kinds(context, upload, &here, found);
                taking(context, key, route, &at, found);
                record(context, upload, &here, found);
                platform(context, upload, &here, found);
                going_on(context, &text, upload, &here, found);
            }
            Operation::Download(download) => {
                let here = op.key("download");
                binding(context, &download.from, &here.key("from"), found);
                if key.method != Method::Get {
                    let message = format!("a {} request does not give a file back", key.method);
                    wrong_route(context, &here, message, "use `GET`", found);
                }
                if route.cache.is_some() {
                    let message = "a file is not kept in a cache".to_owned();
                    wrong_route(context, &at.key("cache"), message, "remove `cache`", found);
                }
            }
            Operation::Resume(upload) => {
                resume(context, key, route, upload, &op.key("resume"), found);
            }
            _ => {}
        }
    }
}

fn wrong_route(
    context: &Context<'_>,
    at: &At<'_>,
    message: String,
    fix: &str,
    found: &mut Vec<Diagnostic>,
) {
    found.push(context.at_key(codes::UPLOAD_ROUTE, at, message).fix(fix));
}

/// Files are kept in a store of files.
fn binding(context: &Context<'_>, name: &str, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let Some(binding) = context.service.bindings.get(name) else { return };
    if matches!(binding, Binding::Blob { .. }) {
        return;
    }
    let message = format!("`{name}` is a binding of kind `{}`", binding.kind());
    found.push(
        context
            .at_value(codes::WRONG_BINDING, at, message)
            .because("files are kept in a binding of kind `blob`")
            .fix(suggest_binding(context, "blob")),
    );
}

/// Only what the first bytes tell is taken, and images only as far as their header says their size.
fn kinds(context: &Context<'_>, upload: &Upload, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let accept = at.key("accept");
    let known: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    if upload.accept.is_empty() {
        found.push(
            context
                .at_value(codes::UPLOAD_KIND, &accept, "no kind of file is taken")
                .fix("name those that are, such as `[image/png, image/jpeg]`"),
        );
    }
    for (index, kind) in upload.accept.iter().enumerate() {
        if known.contains(&kind.as_str()) {
            continue;
        }
        let fix = match context.closest(kind, known.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("use some of {}", known.join(", ")),
        };
        found.push(
            context
                .at_value(
                    codes::UPLOAD_KIND,
                    &accept.index(index),
                    format!("the first bytes of a file do not tell that it is `{kind}`"),
                )
                .because("the content decides what a file is, not its name or a header")
                .fix(fix),
        );
    }
    if upload.max_pixels.is_some() && upload.pixels().is_none() {
        found.push(
            context
                .at_key(codes::UPLOAD_KIND, &at.key("max_pixels"), "no images are taken")
                .fix("remove `max_pixels`, or accept images"),
        );
    }
    for (key, is_zero) in [
        ("max_size", upload.max_size.get() == 0),
        ("max_pixels", upload.max_pixels == Some(0)),
        ("within", upload.within.is_some_and(|time| time.as_millis() == 0)),
        ("keep", upload.keep.is_some_and(|time| time.as_millis() == 0)),
    ] {
        if is_zero {
            found.push(
                context
                    .at_value(codes::ZERO, &at.key(key), format!("`{key}` of 0 refuses every file"))
                    .fix("give what a file needs"),
            );
        }
    }
}

/// The body is the file: there is no other, and no answer is cached.
fn taking(
    context: &Context<'_>,
    key: &RouteKey,
    route: &Route,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if !matches!(key.method, Method::Post | Method::Put) {
        let message = format!("a {} request does not bring a file", key.method);
        wrong_route(context, &at.key("op").key("upload"), message, "use `POST` or `PUT`", found);
    }
    if route.body.is_some() {
        let message = "the body is the file, and cannot be something else too".to_owned();
        wrong_route(context, &at.key("body"), message, "remove `body`", found);
    }
}

/// What is written with a file that comes in several requests is written by another route than the one that is asked
/// first, and at once: only what both know can be read.
fn record(context: &Context<'_>, upload: &Upload, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let here = at.key("record");
    let values = here.key("let");
    read(context, upload, &upload.record.values, &values, found);
    if let Some(once) = &upload.record.once {
        let once_at = here.key("once");
        read(context, upload, &once.with, &once_at.key("with"), found);
    }
    let steps = here.key("steps");
    for (index, step) in upload.record.steps.iter().enumerate() {
        let step_at = steps.index(index);
        read(context, upload, &step.with, &step_at.key("with"), found);
    }
}

fn read(
    context: &Context<'_>,
    upload: &Upload,
    values: &Map<Expression>,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    for (name, value) in values {
        let (message, cause) = match value.innermost() {
            Expression::Read(source @ (Source::Path | Source::Query), _)
                if upload.keep.is_some() =>
            {
                let message = format!("`{}` is not there when the last part comes", source.name());
                (message, "the row is written by the request that brings the last part")
            }
            _ if matches!(value, Expression::HashPassword(_)) => {
                ("a password does not come with a file".to_owned(), "the body is the file")
            }
            _ => continue,
        };
        found.push(
            context
                .at_value(codes::UPLOAD_RECORD, &at.key(name), message)
                .because(cause)
                .fix("read `upload`, `principal`, `config`, `now` or `new.id`"),
        );
    }
}

/// An upload in several requests needs routes that go on with it.
fn going_on(
    context: &Context<'_>,
    text: &str,
    upload: &Upload,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if upload.keep.is_none() {
        return;
    }
    let brings = |route: &Route, key: &RouteKey| {
        key.method == Method::Patch && matches!(&route.op, Operation::Resume(of) if of == text)
    };
    if !context.routes().any(|(_, key, route)| brings(route, key)) {
        found.push(
            context
                .at_key(codes::UPLOAD_RESUME, &at.key("keep"), "no route goes on with this upload")
                .because("what is sent in several requests is sent to a route of its own")
                .fix(format!(
                    "add `PATCH <path>/{{id}}` with `op: {{resume: {text}}}`, or remove `keep`"
                )),
        );
    }
}

fn resume(
    context: &Context<'_>,
    key: &RouteKey,
    route: &Route,
    name: &str,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let mut wrong = |message: String, fix: &str| {
        found.push(context.at_value(codes::UPLOAD_RESUME, at, message).fix(fix));
    };
    let of = context.routes().find(|(text, ..)| text.as_str() == name);
    match of.map(|(_, _, of)| (of, &of.op)) {
        Some((of, Operation::Upload(upload))) => {
            if upload.keep.is_none() {
                wrong(
                    format!("`{name}` takes files in one request only"),
                    "add `keep: 24h` to it: how long an unfinished upload is kept",
                );
            }
            if context.schemes(of) != context.schemes(route) {
                wrong(
                    format!("callers authenticate otherwise than for `{name}`"),
                    "give both routes the same `auth`: who began an upload goes on with it",
                );
            }
        }
        _ => wrong(
            format!("`{name}` is no route that takes files"),
            "name the route with the `upload`, such as `POST /uploads`",
        ),
    }
    if !matches!(key.method, Method::Get | Method::Patch | Method::Delete) {
        wrong(
            format!("{} has no meaning for an unfinished upload", key.method),
            "use `GET`, `PATCH` or `DELETE`",
        );
    }
    if key.parameters().count() != 1 {
        wrong(
            "the path must have one parameter: the upload's id".to_owned(),
            "write a path such as `/unfinished-uploads/{id}`",
        );
    }
    let elsewhere = context.routes().find(|(_, other, route)| {
        other.path != key.path && matches!(&route.op, Operation::Resume(of) if of == name)
    });
    if let Some((text, ..)) = elsewhere {
        wrong(format!("`{text}` goes on with it at another path"), "use one path for all methods");
    }
}

/// Files are answered by downloads, and by nothing else.
fn answer(context: &Context<'_>, route: &Route, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if matches!(route.op, Operation::Asset(_)) {
        // What it answers is judged where all else about it is.
        return;
    }
    let gives = matches!(route.op, Operation::Download(_));
    let returns = at.key("returns");
    for (status, answer) in &route.returns {
        let is_file = matches!(answer, Answer::File);
        let right = is_file == gives && (!is_file || status == "200");
        let (message, fix) = match (gives, status.starts_with('2')) {
            _ if right => continue,
            (true, false) if !is_file => continue,
            (true, _) => ("a `download` answers something else", "write `200: file`"),
            (false, _) => ("nothing gives the file of this answer", "use `op: {download: …}`"),
        };
        found.push(
            context
                .at_value(codes::UPLOAD_ANSWER, &returns.key(status), message)
                .because("a `download` answers 200 with a file, and nothing else does")
                .fix(fix),
        );
    }
}

/// Cloudflare lets bodies of 100 MB through to a worker, whatever it could take.
const MOST_ON_WORKERS: u64 = 100_000_000;

/// What the platform does not let through is refused by it, and not as the spec says.
fn platform(context: &Context<'_>, upload: &Upload, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if context.targets(Target::Workers) && upload.max_size.get() > MOST_ON_WORKERS {
        let message = format!("files of {} do not reach a worker", upload.max_size);
        found.push(
            context
                .at_value(codes::UPLOAD_PLATFORM, &at.key("max_size"), message)
                .because("the platform refuses requests of more than 100 MB before the service sees them")
                .fix("write `max_size: 100MB` or less, or remove `workers` from `targets`"),
        );
    }
}
