//! The account service of Strongroom: registration, sign-in, devices, plans and hosted vaults.
#![forbid(unsafe_code)]
