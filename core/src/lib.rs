//! Strongroom: the backup engine that apps embed.
#![forbid(unsafe_code)]
