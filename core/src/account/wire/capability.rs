//! What a token lets its holder do.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// One thing a token may let its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Capability {
    /// Add objects to vaults, and read what a writer must: everything but packs' content.
    Append,
    /// Read objects of vaults.
    Read,
    /// Delete objects of vaults, and read them.
    Maintain,
    /// Change the account: profile, devices, plan, vaults.
    Account,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 4] = [Capability::Append, Capability::Read, Capability::Maintain, Capability::Account];

    /// The stable name, as in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Capability::Append => "append",
            Capability::Read => "read",
            Capability::Maintain => "maintain",
            Capability::Account => "account",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Capability::Append => 1,
            Capability::Read => 2,
            Capability::Maintain => 4,
            Capability::Account => 8,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        Capability::ALL
            .into_iter()
            .find(|capability| capability.name() == text)
            .ok_or_else(|| crate::error::invalid("read a capability", "expected append, read, maintain or account"))
    }
}

/// A set of capabilities; in JSON a list of their names.
///
/// ```
/// use strongroom::account::wire::{Capabilities, Capability};
/// let writer = Capabilities::from([Capability::Append]);
/// assert!(writer.is_subset(Capabilities::ALL) && !writer.contains(Capability::Maintain));
/// assert_eq!(writer.to_string(), "append");
/// assert_eq!("append,read".parse::<Capabilities>()?, writer.with(Capability::Read));
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Capabilities(u8);

impl Capabilities {
    /// None.
    pub const NONE: Capabilities = Capabilities(0);
    /// All of them.
    pub const ALL: Capabilities = Capabilities(15);

    /// The set with one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Capabilities(self.0 | capability.bit())
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Whether all of this set are in `other`.
    #[must_use]
    pub const fn is_subset(self, other: Capabilities) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`Capability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.contains(*capability))
    }
}

impl From<Capability> for Capabilities {
    fn from(capability: Capability) -> Self {
        Capabilities::NONE.with(capability)
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Capabilities::NONE, Capabilities::with)
    }
}

impl<const N: usize> From<[Capability; N]> for Capabilities {
    fn from(capabilities: [Capability; N]) -> Self {
        capabilities.into_iter().collect()
    }
}

/// Their names, separated by commas: the form that is signed, and that a database may keep.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, capability) in self.iter().enumerate() {
            write!(f, "{}{capability}", if position > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capabilities({self})")
    }
}

impl FromStr for Capabilities {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        text.split(',').filter(|name| !name.is_empty()).map(str::parse).collect()
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Capabilities;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of capabilities")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Capabilities, A::Error> {
                let mut set = Capabilities::NONE;
                while let Some(capability) = list.next_element()? {
                    set = set.with(capability);
                }
                Ok(set)
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

#[cfg(feature = "schema")]
mod schema {
    use super::{Capabilities, Capability};
    use utoipa::openapi::schema::ArrayBuilder;
    use utoipa::openapi::{RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    impl PartialSchema for Capabilities {
        fn schema() -> RefOr<Schema> {
            ArrayBuilder::new().items(Capability::schema()).max_items(Some(4)).into()
        }
    }

    impl ToSchema for Capabilities {}
}
