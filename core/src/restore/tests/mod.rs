//! Restores from trees in memory to real folders.

mod hostile;
mod policy;
mod running;
mod selection;
mod speed;
mod support;
mod whole;
