//! The sample service of the tests as a process of its own.

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() -> std::process::ExitCode {
    proofline_runtime::host::native::main(sample::Generated(sample::custom::Sample))
}
