//! The command `strongroom-server`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use strongroom_server::{Config, Service, admin, openapi};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

const DEFAULT_FILE: &str = "strongroom-server.toml";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("strongroom-server: {message}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    format!(
        "usage: strongroom-server [--config FILE] COMMAND\n\nserve                   serves until it is told to stop\n\
         check                   reads the configuration and says whether it makes sense\n{}\n\
         openapi                 the OpenAPI document\n\nThe configuration is {DEFAULT_FILE}, unless another is named.",
        admin::USAGE
    )
}

fn run(arguments: &[String]) -> Result<(), String> {
    let (file, command) = match arguments {
        [option, file, command @ ..] if option == "--config" => (Some(PathBuf::from(file)), command),
        command => (None, command),
    };
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => serve(configuration(file)?),
        ["check"] => configuration(file).map(|_| println!("the configuration makes sense")),
        ["admin", ..] => {
            let rest = command.get(1..).unwrap_or_default();
            let answer = admin::run(configuration(file)?, rest).map_err(|error| error.to_string())?;
            print!("{answer}");
            Ok(())
        }
        ["openapi"] => {
            print!("{}", openapi::document().map_err(|error| error.to_string())?);
            Ok(())
        }
        ["help" | "--help" | "-h"] => {
            println!("{}", usage());
            Ok(())
        }
        _ => Err(usage()),
    }
}

/// The configuration from the file, where there is one, and the environment.
fn configuration(file: Option<PathBuf>) -> Result<Config, String> {
    let mut config = match file {
        Some(file) => Config::load(&file),
        None if PathBuf::from(DEFAULT_FILE).exists() => Config::load(DEFAULT_FILE.as_ref()),
        None => Ok(Config::default()),
    }
    .map_err(|error| error.to_string())?;
    config.take_from(|name| std::env::var(name).ok());
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

fn serve(config: Config) -> Result<(), String> {
    let filter = EnvFilter::try_from_env("STRONGROOM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    // Taken before the service listens, so that no signal finds it unprepared.
    let waiting =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let (mut term, mut interrupt) = {
        let _entered = waiting.enter();
        let term = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        (term, signal(SignalKind::interrupt()).map_err(|error| error.to_string())?)
    };
    let running = Service::start(config).map_err(|error| error.to_string())?;
    println!("{}", running.url());
    waiting.block_on(async {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    tracing::info!("the service stops");
    running.stop();
    Ok(())
}
