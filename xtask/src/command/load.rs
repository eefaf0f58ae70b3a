//! `load`: the load tests of a service's claims, against an environment that permits load.

use anyhow::Result;
use proofline_spec::exit::Exit;

use super::verify::{self, How};
use crate::cli::Run;
use crate::context::Context;
use crate::run::plan::Wanted;

pub(super) fn run(context: &Context, arguments: &Run) -> Result<Exit> {
    let wanted = Wanted { features: false, loads: true, inside: false };
    verify::checks(context, arguments, wanted, How::default())
}
