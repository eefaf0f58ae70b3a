//! The suite in which published schemas judge what a report writes for other tools: SARIF 2.1.0, as Microsoft's SDK has
//! it, and `JUnit`, as Jenkins has it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_generator::tree::write_atomically;

use super::program;
use super::rust::missing;
use super::service;
use super::table::Outcome;
use super::tool::{self, Tool};
use crate::context::Context;

/// Files of a made-up run with a claim of every verdict, as the generator's own tests expect them.
const MADE_UP: &str = "generator/src/report/snapshots/proofline_generator__report__tests__";

/// A form, who judges it, and what must be refused.
struct Form {
    /// The kind of file, as `report --format json` names it.
    kind: &'static str,
    /// The ending of the made-up file.
    made_up: &'static str,
    judge: Tool,
    /// The schema, below the folder of all tools.
    schema: &'static str,
    /// The options before the schema.
    options: &'static [&'static str],
    /// A control's name, what stands in the made-up file, and what takes its place.
    controls: [(&'static str, &'static str, &'static str); 3],
}

const FORMS: [Form; 2] = [
    Form {
        kind: "sarif",
        made_up: "sarif.snap.json",
        judge: tool::CHECK_JSONSCHEMA,
        schema: "lib/sarif-schema",
        // One of its patterns has a bracket that Unicode's rules for expressions forbid.
        options: &["--regex-variant", "nonunicode", "--schemafile"],
        controls: [
            ("level", "\"level\": \"error\"", "\"level\": \"fatal\""),
            ("unknown-key", "\"ruleIndex\": 0", "\"verdict\": 0"),
            ("no-line", "\"startLine\": 7", "\"startLine\": 0"),
        ],
    },
    Form {
        kind: "junit",
        made_up: "junit.snap.xml",
        judge: tool::XMLSCHEMA,
        schema: "lib/junit-schema",
        options: &["--schema"],
        controls: [
            ("unknown-attribute", "<testsuites name=", "<testsuites skipped=\"1\" name="),
            ("unknown-element", "<failure message=", "<unverified/><failure message="),
            ("no-name", "<testcase classname=\"security\" name=", "<testcase title="),
        ],
    },
];

pub(super) fn run(context: &Context, _: bool) -> Result<Outcome> {
    let paths = match service::report(context)? {
        Ok(paths) => paths,
        Err(output) => return Ok(Outcome::one(false, output)),
    };
    let mut outcome = Outcome::default();
    for form in &FORMS {
        let Some(judge) = tool::find(context, form.judge) else {
            return Ok(missing(form.judge.name));
        };
        let schema = context.tools.join(form.schema);
        if !schema.exists() {
            return Ok(missing("a schema: run .ci/install, it"));
        }
        let judge = Judge { context, judge, schema, form };
        let real = paths[form.kind].as_str().unwrap_or_default();
        outcome.add(&judge.says(&context.root.join(real), true)?);
        judge.controls(&mut outcome)?;
    }
    Ok(outcome)
}

struct Judge<'a> {
    context: &'a Context,
    judge: PathBuf,
    schema: PathBuf,
    form: &'a Form,
}

impl Judge<'_> {
    /// The made-up file is accepted, and no longer once it is broken.
    fn controls(&self, outcome: &mut Outcome) -> Result<()> {
        let name = format!("{MADE_UP}{}", self.form.made_up);
        let path = self.context.root.join(&name);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        outcome.add(&self.says(&path, true)?);
        let folder = tempfile::tempdir()?;
        for (control, from, to) in self.form.controls {
            let changed = text.replacen(from, to, 1);
            if changed == text {
                outcome.add(&Outcome::one(false, format!("`{from}` is not in {name}\n")));
                continue;
            }
            let path = folder.path().join(format!("{control}.{}", self.form.kind));
            write_atomically(&path, changed.as_bytes())?;
            outcome.add(&self.says(&path, false)?);
        }
        Ok(())
    }

    /// Whether the schema says of a file what it should.
    fn says(&self, file: &Path, should: bool) -> Result<Outcome> {
        let said = program::run(self.context, &self.judge, |command| {
            command.args(self.form.options).arg(&self.schema).arg(file);
        })?;
        let name = self.form.judge.name;
        let output = format!("{name} on {}:\n{}\n", file.display(), said.all());
        Ok(Outcome::one(said.success == should, output))
    }
}
