//! `strongroom`: backups from the command line, built on the public interface of the library alone.
#![forbid(unsafe_code)]

mod app;
mod args;
mod commands;
mod exit;
mod output;
mod place;
mod secrets;
mod signals;
mod stream;
mod terminal;

fn main() -> std::process::ExitCode {
    app::main()
}
