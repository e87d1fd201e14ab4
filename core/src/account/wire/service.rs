//! What a service says of itself.

use crate::crypto::password::Cost;
use crate::error::{Error, ErrorKind, Result};

response! {
    /// `GET /v1/service`.
    pub struct ServiceInfo {
        /// The name its operator gave it.
        pub name: String,
        /// Where to turn with questions about privacy.
        pub contact: String,
        /// Where its notices are published.
        pub notices_url: String,
        /// The versions of the protocol it speaks.
        pub versions: Vec<u32>,
        /// Its time, in milliseconds since 1970 UTC.
        pub now_at: i64,
        /// How passwords that are set now are stretched.
        pub stretching: Stretching,
    }

    /// How a password is stretched, on the client, inside of OPAQUE.
    pub struct Stretching {
        /// `argon2id`.
        pub algorithm: String,
        /// Memory in KiB.
        pub memory_kib: u32,
        /// Passes over it.
        pub passes: u32,
        /// Lanes.
        pub lanes: u32,
    }
}

impl Stretching {
    /// Argon2id of this cost.
    #[must_use]
    pub fn argon2id(cost: Cost) -> Self {
        Stretching {
            algorithm: "argon2id".to_owned(),
            memory_kib: cost.memory_kib,
            passes: cost.passes,
            lanes: cost.lanes,
        }
    }

    /// The cost, when a client accepts it: a service could ask for less in order to guess passwords more cheaply.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for another algorithm, below [`Cost::FLOOR`] or above
    /// [`Cost::CEILING`].
    pub fn cost(&self) -> Result<Cost> {
        if self.algorithm != "argon2id" {
            return Err(Error::new(ErrorKind::Unsupported, "stretch a password")
                .detail("the service asks for an algorithm this build does not know"));
        }
        let cost = Cost { memory_kib: self.memory_kib, passes: self.passes, lanes: self.lanes };
        cost.check()?;
        Ok(cost)
    }
}
