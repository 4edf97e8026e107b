//! The child process that reads one PDF, alone: for the tests of this crate.

fn main() -> std::process::ExitCode {
    let path = std::env::args_os().next_back().unwrap_or_default();
    stoa_sources::pdf::extract_pdf_main(path.as_ref())
}
