//! Suites that cargo runs: formatting, lints, documentation, tests, dependencies.

use anyhow::Result;

use super::program::{self, Said};
use super::table::Outcome;
use super::tool;
use crate::context::Context;

/// Many tests wait for a server's time limits: more of them run at once than there are processors.
const AT_ONCE: (&str, &str) = ("RUST_TEST_THREADS", "6");

pub(super) fn cargo(
    context: &Context,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<Said> {
    program::run(context, &context.cargo, |command| {
        command.args(arguments).envs(variables.iter().copied());
    })
}

pub(super) fn format(context: &Context, _: bool) -> Result<Outcome> {
    let said = cargo(context, &["fmt", "--all", "--check"], &[])?;
    Ok(Outcome::one(said.success, said.all()))
}

pub(super) fn clippy(context: &Context, _: bool) -> Result<Outcome> {
    let native = ["--workspace"];
    // The other host: its features exclude what only a process has.
    let workers = ["--package=proofline-runtime", "--no-default-features", "--features=workers"];
    let lint = |what: &[&str]| {
        let arguments = [
            &["clippy", "--all-targets", "--locked", "--quiet"],
            what,
            &["--", "--deny", "warnings"],
        ];
        cargo(context, &arguments.concat(), &[])
    };
    let (native, workers) = (lint(&native)?, lint(&workers)?);
    Ok(Outcome::one(native.success && workers.success, native.stderr + &workers.stderr))
}

pub(super) fn docs(context: &Context, _: bool) -> Result<Outcome> {
    let arguments = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
    let said = cargo(context, &arguments, &[("RUSTDOCFLAGS", "--deny warnings")])?;
    Ok(Outcome::one(said.success, said.stderr))
}

pub(super) fn tests(context: &Context, accept: bool) -> Result<Outcome> {
    let accepting: &[(&str, &str)] = &[("PROOFLINE_ACCEPT", "1"), ("INSTA_UPDATE", "always")];
    let keeping: &[(&str, &str)] = &[("INSTA_UPDATE", "no")];
    let variables = [if accept { accepting } else { keeping }, &[AT_ONCE]].concat();
    let arguments = ["test", "--workspace", "--locked", "--no-fail-fast", "--quiet"];
    let said = cargo(context, &arguments, &variables)?;
    let (passed, mut failed, skipped) = counts(&said.stdout);
    if !said.success && failed == 0 {
        // It did not compile, or a test ended the process.
        failed = 1;
    }
    Ok(Outcome { passed, failed, skipped, output: failures(&said) })
}

/// The tests that need wrangler.
pub(super) fn deployment(context: &Context, _: bool) -> Result<Outcome> {
    with_tools(context, "deployment")
}

/// Runs the tests of this program that need more than cargo, and so are ignored in the workspace's own run.
pub(super) fn with_tools(context: &Context, name: &str) -> Result<Outcome> {
    ignored(context, &["--package=xtask", &format!("--test={name}")], &[])
}

/// Runs tests that are ignored in the workspace's own run.
pub(super) fn ignored(
    context: &Context,
    which: &[&str],
    variables: &[(&str, &str)],
) -> Result<Outcome> {
    let arguments = [&["test", "--locked", "--quiet"], which, &["--", "--ignored"]].concat();
    let said = cargo(context, &arguments, variables)?;
    let (passed, mut failed, skipped) = counts(&said.stdout);
    let mut output = failures(&said);
    // Tests that were renamed or moved must not look like tests that passed.
    if passed == 0 && said.success {
        output = format!("no test was run by: cargo {}\n{output}", arguments.join(" "));
    }
    if failed == 0 && (!said.success || passed == 0) {
        failed = 1;
    }
    Ok(Outcome { passed, failed, skipped, output })
}

/// Adds up cargo's own counts: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn counts(output: &str) -> (u64, u64, u64) {
    let mut sums = [0; 3];
    for line in output.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
        for (sum, word) in sums.iter_mut().zip(["passed", "failed", "ignored"]) {
            let number = line
                .split([';', '.'])
                .map(str::trim)
                .find_map(|part| part.strip_suffix(word)?.trim().parse::<u64>().ok());
            *sum += number.unwrap_or_default();
        }
    }
    (sums[0], sums[1], sums[2])
}

/// What failed, without the dots of what passed.
fn failures(said: &Said) -> String {
    let interesting = |line: &&str| {
        let dots = !line.is_empty() && line.chars().all(|c| "./0123456789i ".contains(c));
        !dots && !line.starts_with("running ") && !line.starts_with("test result: ok")
    };
    let out: Vec<&str> = said.stdout.lines().filter(interesting).collect();
    format!("{}\n{}", out.join("\n"), said.stderr)
}

pub(super) fn deny(context: &Context, _: bool) -> Result<Outcome> {
    // Crates of other systems are looked at too, so that all of them must be there.
    let fetched = cargo(context, &["fetch", "--locked", "--quiet"], &[])?;
    if !fetched.success {
        return Ok(Outcome::one(false, fetched.all()));
    }
    let Some(path) = tool::find(context, tool::CARGO_DENY) else {
        return Ok(missing("cargo-deny"));
    };
    let said = program::run(context, &path, |command| {
        command.args([
            "--offline",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]);
    })?;
    Ok(Outcome::one(said.success, said.all()))
}

pub(super) fn machete(context: &Context, _: bool) -> Result<Outcome> {
    let Some(path) = tool::find(context, tool::CARGO_MACHETE) else {
        return Ok(missing("cargo-machete"));
    };
    let said = program::run(context, &path, |command| {
        command.args(["spec", "generator", "runtime", "features", "loadtest", "xtask"]);
    })?;
    Ok(Outcome::one(said.success, said.all()))
}

/// A suite that was begun without its tool has failed.
pub(super) fn missing(name: &str) -> Outcome {
    Outcome::one(false, format!("{name} is not on this machine"))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn counts_of_every_test_binary_are_added_up() {
        let output = "running 3 tests\n...\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                      test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";
        assert_eq!(counts(output), (13, 2, 1));
    }
}
