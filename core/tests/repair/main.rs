//! Damage of every kind to every kind of object: check calls it by its name, repair mends what can be mended, and what
//! is lost is listed exactly.

#[path = "../common/mod.rs"]
mod common;

mod history;
mod kinds;
mod random;
mod salvage;
