//! Dependencies of a service that cannot work in WebAssembly, named before anything is built.

use anyhow::{Context as _, Result, bail};
use proofline_spec::exit::Exit;

use super::toolchain::{TARGET, Toolchain};
use crate::context::{Context, Stopped};

/// A crate that cannot work in WebAssembly.
struct Offender {
    name: &'static str,
    when: When,
    /// Why it cannot.
    cause: &'static str,
    /// What to do instead.
    fix: &'static str,
}

/// In which case it cannot.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// With any of these features.
    With(&'static [&'static str]),
    /// Without this feature, in releases that begin like this.
    Without(&'static str, &'static [&'static str]),
}

const SOCKETS: &str = "it opens sockets, which the platform does not have";
const C_CODE: &str = "it compiles C, for which there is no system library in WebAssembly";
const THREADS: &str = "it starts threads; an isolate has one";
const SYSTEM: &str = "it calls the operating system, and there is none";
const CALL: &str = "call other services through an `upstream` binding of the spec";
const RUST_CRYPTO: &str = "use crates in Rust alone, such as sha2, hmac or p256";
const SQL: &str = "use a `sql` binding of the spec, which is D1 on this platform";
const COMPRESS: &str =
    "use an implementation in Rust, such as miniz_oxide (flate2's default) or ruzstd";
const ONE_THREAD: &str =
    "switch off the feature that brings it; one after the other is as fast on one thread";
const NATIVE_ONLY: &str = "make it a dependency of the feature `native` alone";

/// Every crate that is known not to work.
const OFFENDERS: &[Offender] = &[
    always("mio", SOCKETS, CALL),
    always("socket2", SOCKETS, CALL),
    always("polling", SOCKETS, CALL),
    always("async-io", SOCKETS, CALL),
    always("async-std", SOCKETS, "use `futures`, which needs no runtime of its own"),
    always("native-tls", C_CODE, CALL),
    always("openssl-sys", C_CODE, RUST_CRYPTO),
    always("ring", "it compiles C and assembly", RUST_CRYPTO),
    always("aws-lc-sys", "it compiles C and assembly", RUST_CRYPTO),
    always("libsodium-sys", C_CODE, RUST_CRYPTO),
    always("libsqlite3-sys", C_CODE, SQL),
    always("pq-sys", C_CODE, SQL),
    always("mysqlclient-sys", C_CODE, SQL),
    always("tokio-postgres", SOCKETS, SQL),
    always("libz-sys", C_CODE, COMPRESS),
    always("zstd-sys", C_CODE, COMPRESS),
    always("bzip2-sys", C_CODE, COMPRESS),
    always("lzma-sys", C_CODE, COMPRESS),
    always("curl-sys", C_CODE, CALL),
    always("tikv-jemalloc-sys", C_CODE, NATIVE_ONLY),
    always("libmimalloc-sys", C_CODE, NATIVE_ONLY),
    always("rayon-core", THREADS, ONE_THREAD),
    always("threadpool", THREADS, ONE_THREAD),
    always("nix", SYSTEM, NATIVE_ONLY),
    always("signal-hook", SYSTEM, NATIVE_ONLY),
    always("memmap2", SYSTEM, NATIVE_ONLY),
    always("notify", SYSTEM, NATIVE_ONLY),
    Offender {
        name: "tokio",
        when: When::With(&["fs", "net", "process", "rt-multi-thread", "signal"]),
        cause: "files, sockets, processes, signals and threads do not exist in WebAssembly",
        fix: "leave tokio to the feature `native`, or take only its features `sync` and `macros`",
    },
    Offender {
        name: "getrandom",
        when: When::Without("js", &["0.2."]),
        cause: "without its feature `js` it finds no source of random numbers",
        fix: "add `getrandom = { version = \"0.2\", features = [\"js\"] }` to the feature `workers`, or use the context's entropy",
    },
    Offender {
        name: "getrandom",
        when: When::Without("wasm_js", &["0.3.", "0.4."]),
        cause: "without its feature `wasm_js` it finds no source of random numbers",
        fix: "switch on `wasm_js` of the same release in the feature `workers`, or use the context's entropy",
    },
];

const fn always(name: &'static str, cause: &'static str, fix: &'static str) -> Offender {
    Offender { name, when: When::Always, cause, fix }
}

/// A dependency that cannot work, and how the service comes to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    what: String,
    path: String,
    cause: &'static str,
    fix: &'static str,
}

/// Refuses a service that depends on what cannot work in WebAssembly.
pub(crate) fn refuse(context: &Context, toolchain: &Toolchain, package: &str) -> Result<()> {
    let output = toolchain
        .cargo()
        .current_dir(&context.root)
        .args(["tree", "--locked", "--color=never", "--package", package, "--target", TARGET])
        .args(["--no-default-features", "--features=workers"])
        .args(["--edges=normal,features,no-proc-macro", "--prefix=depth", "--format=|{p}|{f}"])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if said.contains("workers") {
            bail!(
                "the crate `{package}` has no feature `workers`\n\
                 hint: give its Cargo.toml `[features] default = [\"native\"]`, \
                 `native = [\"proofline-runtime/native\"]` and `workers = [\"proofline-runtime/workers\"]`\n{said}"
            );
        }
        bail!("`cargo tree` failed:\n{said}");
    }
    let found = look(&String::from_utf8_lossy(&output.stdout));
    if found.is_empty() {
        return Ok(());
    }
    Err(Stopped { exit: Exit::Usage, message: message(package, &found) }.into())
}

fn message(package: &str, found: &[Found]) -> String {
    let mut text = format!("`{package}` depends on what cannot work in WebAssembly");
    for found in found {
        text.push_str(&format!(
            "\n  {}: {}\n    by: {}\n    fix: {}",
            found.what, found.cause, found.path, found.fix
        ));
    }
    text
}

/// A line of `cargo tree`: a crate, or a feature that brings the crate below it.
enum Line<'a> {
    Crate { name: &'a str, version: &'a str, features: Vec<&'a str> },
    Feature { name: &'a str, feature: &'a str },
}

fn parse(line: &str) -> Option<(usize, Line<'_>)> {
    let end = line.find(|c: char| !c.is_ascii_digit())?;
    let depth = line[..end].parse().ok()?;
    let rest = line[end..].trim_end_matches(" (*)");
    if let Some(rest) = rest.strip_prefix('|') {
        let (package, features) = rest.rsplit_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.trim_start_matches('v'));
        let features = features.split(',').filter(|feature| !feature.is_empty()).collect();
        return Some((depth, Line::Crate { name, version, features }));
    }
    let (name, feature) = rest.split_once(" feature ")?;
    Some((depth, Line::Feature { name, feature: feature.trim_matches('"') }))
}

fn look(tree: &str) -> Vec<Found> {
    let mut above: Vec<Line<'_>> = Vec::new();
    let mut found: Vec<Found> = Vec::new();
    for (depth, line) in tree.lines().filter_map(parse) {
        above.truncate(depth);
        above.push(line);
        let Some((offender, what)) = above.last().and_then(offence) else { continue };
        // One way to it is enough; cargo shows the same crate again for every other.
        if !found.iter().any(|known| known.what == what) {
            let path = path(&above);
            found.push(Found { what, path, cause: offender.cause, fix: offender.fix });
        }
    }
    found
}

fn offence(line: &Line<'_>) -> Option<(&'static Offender, String)> {
    OFFENDERS.iter().find_map(|offender| {
        let what = match (line, offender.when) {
            (Line::Crate { name, version, .. }, When::Always) if *name == offender.name => {
                format!("{name} {version}")
            }
            (Line::Feature { name, feature }, When::With(features))
                if *name == offender.name && features.contains(feature) =>
            {
                format!("{name} with its feature `{feature}`")
            }
            (Line::Crate { name, version, features }, When::Without(feature, releases))
                if *name == offender.name
                    && releases.iter().any(|release| version.starts_with(release))
                    && !features.contains(&feature) =>
            {
                format!("{name} {version} without its feature `{feature}`")
            }
            _ => return None,
        };
        Some((offender, what))
    })
}

/// `service → reqwest (feature default-tls) → native-tls`: how the service comes to the last one.
fn path(above: &[Line<'_>]) -> String {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in above {
        let (name, feature) = match line {
            Line::Crate { name, .. } => (*name, None),
            Line::Feature { name, feature } => (*name, Some(*feature)),
        };
        match steps.last_mut() {
            Some((last, features)) if *last == name => features.extend(feature),
            _ => steps.push((name, feature.into_iter().collect())),
        }
    }
    let step = |(name, features): &(&str, Vec<&str>)| match features.as_slice() {
        [] | ["default"] => (*name).to_owned(),
        [one] => format!("{name} (feature {one})"),
        several => format!("{name} (features {})", several.join(", ")),
    };
    steps.iter().map(step).collect::<Vec<_>>().join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tree: &str) -> Vec<(String, String)> {
        look(tree).into_iter().map(|found| (found.what, found.path)).collect()
    }

    #[test]
    fn crate_is_named_with_the_feature_and_the_path_that_bring_it() {
        let tree = "0|luna v1.0.0 (/w/luna)|workers\n1reqwest feature \"default\"\n2|reqwest v0.13.1|default,default-tls\n\
                    2reqwest feature \"default-tls\"\n3|reqwest v0.13.1|default,default-tls (*)\n3native-tls feature \"default\"\n\
                    4|native-tls v0.2.14|default\n5|openssl-sys v0.9.1|\n";
        let path = "luna → reqwest (features default, default-tls) → native-tls";
        assert_eq!(
            found(tree),
            [
                ("native-tls 0.2.14".to_owned(), path.to_owned()),
                ("openssl-sys 0.9.1".to_owned(), format!("{path} → openssl-sys")),
            ]
        );
    }

    #[test]
    fn crate_that_works_in_part_is_refused_only_with_the_other_part() {
        let with = |feature: &str| {
            format!(
                "0|luna v1.0.0 (/w/luna)|\n1tokio feature \"{feature}\"\n2|tokio v1.47.0|{feature}\n"
            )
        };
        assert_eq!(found(&with("sync")), []);
        let what = "tokio with its feature `net`".to_owned();
        assert_eq!(found(&with("net")), [(what, "luna → tokio (feature net)".to_owned())]);
    }

    #[test]
    fn random_numbers_need_the_source_of_the_platform() {
        let tree = |version: &str, features: &str| {
            format!("0|luna v1.0.0 (/w/luna)|\n1|getrandom v{version}|{features}\n")
        };
        assert_eq!(found(&tree("0.3.4", "std")).len(), 1);
        assert_eq!(found(&tree("0.3.4", "std,wasm_js")), []);
        assert_eq!(found(&tree("0.2.16", "wasm_js")).len(), 1);
        assert_eq!(found(&tree("0.2.16", "js")), []);
    }

    #[test]
    fn crate_that_is_reached_by_two_ways_is_named_once() {
        let tree = "0|luna v1.0.0 (/w/luna)|\n1|a v1.0.0|\n2|mio v1.0.4|\n1|b v1.0.0|\n2|mio v1.0.4| (*)\n";
        assert_eq!(found(tree), [("mio 1.0.4".to_owned(), "luna → a → mio".to_owned())]);
    }

    #[test]
    fn message_holds_crate_path_cause_and_fix() {
        let tree = "0|luna v1.0.0 (/w/luna)|\n1|rayon v1.0.0|\n2|rayon-core v1.13.0|\n";
        let text = message("luna", &look(tree));
        for part in ["rayon-core 1.13.0", "luna → rayon → rayon-core", "threads", "fix: "] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
