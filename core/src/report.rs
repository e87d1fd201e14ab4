//! How operations end.

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Everything was done.
    Complete,
    /// Everything that could be done was done; the report names what could not.
    Partial,
    /// The deadline came or the work was suspended: what was done is kept, and the same call goes on with the rest.
    Suspended,
}

impl Outcome {
    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Partial => "partial",
            Outcome::Suspended => "suspended",
        }
    }
}
