//! The account service of Strongroom: registration, sign-in, devices and plans.
//!
//! ```no_run
//! let config = strongroom_server::Config::load("strongroom-server.toml".as_ref())?;
//! let running = strongroom_server::Service::start(config)?;
//! println!("serving at {}", running.url());
//! running.stop();
//! # Ok::<(), strongroom::Error>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod account;
pub mod admin;
mod app;
mod authenticate;
mod billing;
mod calendar;
mod change;
mod clock;
mod config;
mod database;
mod limiter;
mod listen;
mod mail;
mod metrics;
mod opaque;
pub mod openapi;
mod page;
mod plans;
mod problem;
mod router;
mod running;
mod service;
mod service_key;
mod sweep;
mod text;
mod tls;
mod usage;
mod vault;

pub use clock::Clock;
pub use config::{
    Config, DatabaseConfig, LimitsConfig, ListenConfig, MailConfig, PaymentConfig, PaymentProvider, ServiceConfig,
    StorageConfig, StretchingConfig,
};
pub use plans::Plan;
pub use running::{Running, Service};
