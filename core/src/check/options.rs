//! What a check is told.

/// Options of a check.
///
/// Without any, the structure is checked: every index object can be read, every pack the index lists is there with
/// the length it lists, every tree of every snapshot can be read to its last entry, and the content of every file is
/// in the index. That reads the trees and no content of files.
///
/// ```
/// use strongroom::CheckOptions;
/// let quick = CheckOptions::new();
/// let tenth = CheckOptions::new().read_data(10.0);
/// let everything = CheckOptions::new().read_data(100.0).verify_content(true);
/// # let _ = (quick, tenth, everything);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CheckOptions {
    pub(super) read_data: Option<f64>,
    pub(super) verify_content: bool,
    pub(super) seed: Option<u64>,
}

impl CheckOptions {
    /// The structure only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also reads this share of the packs, in percent of their bytes, whole, and compares their BLAKE3 with their
    /// names and what they say they hold with the index. Needs no key to content. Which packs are read is chosen
    /// anew every time, so that repeated checks come to cover all.
    #[must_use]
    pub fn read_data(mut self, percent: f64) -> Self {
        self.read_data = Some(if percent.is_nan() { 0.0 } else { percent.clamp(0.0, 100.0) });
        self
    }

    /// Also decrypts every segment of the packs that are read, all packs unless
    /// [`read_data`](CheckOptions::read_data) says otherwise, and computes the ids of all blobs in them again.
    /// Needs a reader's or owner's key.
    #[must_use]
    pub fn verify_content(mut self, verify: bool) -> Self {
        self.verify_content = verify;
        self
    }

    /// Makes the choice of packs repeatable: the same seed chooses the same ones.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The share of packs to read, in percent.
    pub(super) fn percent(&self) -> f64 {
        self.read_data.unwrap_or(if self.verify_content { 100.0 } else { 0.0 })
    }
}
