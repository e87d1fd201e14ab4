//! The service as its clients meet it: over a real listener, with real mail, on SQLite and on PostgreSQL.

mod authorization;
mod billing;
mod changes;
mod devices;
mod entering;
mod mail;
mod operation;
mod postgres;
mod profile;
mod stripe;
mod support;
