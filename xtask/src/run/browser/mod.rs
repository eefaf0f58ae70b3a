//! Has a real browser do what a script of a probe says.

use std::process::Command;

use anyhow::Result;
use proofline_generator::tree::write_atomically;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::said;
use crate::context::Context;
use crate::suite::tool::{self, CHROMIUM};

/// What starts and ends the browser; scripts import it as `./browser.mjs`.
const BROWSER: &str = include_str!("browser.mjs");

/// What the script prints at its end, or why nothing can be said. The script gets `input` with the place of the tools.
pub(crate) fn ask<T: DeserializeOwned>(
    context: &Context,
    script: &str,
    mut input: Value,
) -> Result<Result<T, String>> {
    let needed =
        [context.tools.join("bin").join(CHROMIUM.name), context.tools.join("lib/playwright-core")];
    let node = tool::node(context).filter(|_| needed.iter().all(|path| path.exists()));
    let Some(node) = node else {
        let why = "there is no browser that could be told what to do";
        return Ok(Err(format!("{why}: {}", CHROMIUM.install)));
    };
    let folder = tempfile::tempdir()?;
    let main = folder.path().join("script.mjs");
    for (path, text) in [(&main, script), (&folder.path().join("browser.mjs"), BROWSER)] {
        write_atomically(path, text.as_bytes())?;
    }
    input["tools"] = json!(context.tools);
    let mut command = Command::new(node);
    command.arg(&main).current_dir(folder.path());
    let said = said::call(context, &mut command, Some(&input.to_string()))?;
    Ok(serde_json::from_str(&said.stdout)
        .map_err(|_| format!("the browser did not come to an end: {}", said.last_lines(5))))
}
