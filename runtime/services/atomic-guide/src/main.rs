//! The service as a process.

use std::process::ExitCode;

use atomic_guide::{App, Generated};

fn main() -> ExitCode {
    proofline_runtime::host::native::main(Generated(App))
}
