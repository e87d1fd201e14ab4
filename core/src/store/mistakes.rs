//! Mistakes that a store can be made to make: the classic ways to lose data while pruning. The model test plants them
//! to show that it would notice.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// What is condemned is removed while sessions are at work that may not know of it.
    RemoveWithoutWaiting,
    /// A session whose lease ran out commits as if nothing had happened.
    CommitWithoutLookingAgain,
    /// A session refers to what was condemned before it began.
    TakeCondemnedForPresent,
    /// What is needed is not found out again before condemned packs are removed.
    RemoveWithoutLookingAgain,
}
