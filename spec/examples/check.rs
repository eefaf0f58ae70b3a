//! Loads and checks a service several times and tells how long it takes: `cargo run --example check -- FILE [RUNS]`.

#![expect(clippy::print_stdout, reason = "an example is read on the terminal")]

use std::path::Path;
use std::time::Instant;

use proofline_spec::diagnostic::{Styles, render_all, summary};
use proofline_spec::{check, load};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "spec/services/luna/service.yaml".to_owned());
    let runs = arguments.next().and_then(|runs| runs.parse().ok()).unwrap_or(1);
    for _ in 0..runs {
        let start = Instant::now();
        let mut loaded = load::load_service(Path::new(&file));
        let after_load = start.elapsed();
        loaded.diagnostics.extend(check::check_service(&loaded, None));
        let (all, routes) =
            (start.elapsed(), loaded.document.as_ref().map_or(0, |document| document.routes.len()));
        print!("{}", render_all(&loaded.diagnostics, &Styles::plain()));
        println!(
            "{routes} routes: load {after_load:?}, check {:?}; {}",
            all.saturating_sub(after_load),
            summary(&loaded.diagnostics)
        );
    }
}
