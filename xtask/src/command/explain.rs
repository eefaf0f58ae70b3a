//! `explain CODE`: the manual page of a diagnostic.

use anyhow::{Result, bail};
use proofline_spec::diagnostic::{Code, code_named};
use proofline_spec::exit::Exit;
use proofline_spec::load::nearest;

use crate::cli::Explain;
use crate::context::Context;
use crate::output;

pub(super) fn run(_: &Context, arguments: &Explain) -> Result<Exit> {
    let Some(name) = &arguments.code else {
        for code in Code::ALL {
            output::stdout(&format!("{}  {}\n", code.id, code.title()));
        }
        return Ok(Exit::Success);
    };
    let wanted = name.to_uppercase();
    let Some(code) = code_named(&wanted) else {
        let hint = nearest(&wanted, Code::ALL.iter().map(|code| code.id))
            .map_or_else(String::new, |best| format!("; did you mean `{best}`?"));
        bail!(
            "there is no diagnostic `{name}`{hint}\nhint: `cargo xtask explain` lists every code"
        );
    };
    output::stdout(&format!("{}\n", code.page.trim_end()));
    Ok(Exit::Success)
}
