//! Bundles: the keys a role holds, as they stand inside a key slot.

use super::secret::{SecretFields, SecretReader, SecretWriter};
use crate::crypto::kem::{self, PrivateKey, PublicKey};
use crate::crypto::sign::{self, SigningKey, VerifyingKey};
use crate::crypto::{SecretBytes, SecretKey};
use crate::error::{Error, ErrorKind, Result, corrupt, internal, invalid, unsupported};
use crate::id::RepositoryId;
use std::fmt;
use std::str::FromStr;

const VERSION: u32 = 1;

/// The first epoch of every repository.
pub(crate) const FIRST_EPOCH: u32 = 1;

/// Most epochs a bundle can hold.
pub(crate) const MAX_EPOCHS: usize = 512;

/// What a key lets its holder do.
///
/// The numbers and names are stable: they stand in stored objects and in the interfaces of every language.
///
/// ```
/// use strongroom::Role;
/// assert_eq!("reader".parse::<Role>()?, Role::Reader);
/// assert!(Role::Reader.can_write() && !Role::Writer.can_read());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Role {
    /// Backs up, and can read nothing that is stored, its own backups included.
    Writer = 1,
    /// Backs up, browses and restores.
    Reader = 2,
    /// Prunes, repacks and checks packs, without reading content or names.
    Maintainer = 3,
    /// Everything, including adding and revoking keys and devices.
    Owner = 4,
}

impl Role {
    /// Every role, in the order of their numbers.
    pub const ALL: [Role; 4] = [Role::Writer, Role::Reader, Role::Maintainer, Role::Owner];

    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Writer => "writer",
            Role::Reader => "reader",
            Role::Maintainer => "maintainer",
            Role::Owner => "owner",
        }
    }

    /// The stable number, as it is stored.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether the role can restore and browse.
    #[must_use]
    pub const fn can_read(self) -> bool {
        matches!(self, Role::Reader | Role::Owner)
    }

    /// Whether the role can back up.
    #[must_use]
    pub const fn can_write(self) -> bool {
        matches!(self, Role::Writer | Role::Reader | Role::Owner)
    }

    /// Whether the role prunes and repacks.
    #[must_use]
    pub const fn can_maintain(self) -> bool {
        matches!(self, Role::Maintainer | Role::Owner)
    }

    pub(crate) fn from_code(code: u32, operation: &'static str) -> Result<Self> {
        Role::ALL
            .into_iter()
            .find(|role| u32::from(role.code()) == code)
            .ok_or_else(|| unsupported(operation, format!("role {code} is not known to this build")))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Role::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| invalid("read a role", "the roles are writer, reader, maintainer and owner").object(text))
    }
}

/// The keys of one epoch that a bundle holds.
#[derive(Debug, Clone)]
pub(crate) struct BundleEpoch {
    /// Which epoch, at least 1.
    pub(crate) epoch: u32,
    /// What the index, footers and envelopes of the epoch are sealed with.
    pub(crate) index: SecretKey,
    /// What content is sealed to. Only in the newest epoch: nothing is written under an older one.
    pub(crate) data_public: Option<PublicKey>,
    /// What content is opened with.
    pub(crate) data_private: Option<PrivateKey>,
}

/// The keys of a role. Holds exactly those of the role's row in the table of capabilities.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    pub(crate) repository: RepositoryId,
    pub(crate) role: Role,
    /// The owner's public key, which vouches for the config and the device list.
    pub(crate) owner: VerifyingKey,
    /// Ascending, never empty.
    epochs: Vec<BundleEpoch>,
    pub(crate) id_key: Option<SecretKey>,
    pub(crate) chunker_key: Option<SecretKey>,
    pub(crate) root: Option<SecretKey>,
    /// The secret keys of a holder without a device key; owners need none.
    pub(crate) holder: Option<HolderSeeds>,
}

/// Seeds that stand in for a device key where a passphrase, code or account key opens the slot.
#[derive(Debug, Clone)]
pub(crate) struct HolderSeeds {
    /// Seed of the key that signs.
    pub(crate) signing: SecretKey,
    /// Seed of the key that newer bundles are sealed to. Without it the holder gets none.
    pub(crate) kem: Option<SecretKey>,
}

impl Bundle {
    /// What a role holds in the repository with this root.
    ///
    /// `epochs` ascend, are not empty and at least 1.
    pub(crate) fn derive(
        root: &SecretKey,
        repository: RepositoryId,
        role: Role,
        epochs: &[u32],
        holder: Option<HolderSeeds>,
    ) -> Result<Self> {
        if epochs.first().is_none_or(|first| *first < FIRST_EPOCH) || !epochs.is_sorted_by(|left, right| left < right) {
            return Err(internal("derive keys", "epochs must ascend from 1"));
        }
        if epochs.len() > MAX_EPOCHS {
            return Err(Error::new(ErrorKind::LimitExceeded, "derive keys").detail("there are more than 512 epochs"));
        }
        let newest = epochs.last();
        let writes = role.can_write();
        let epochs = epochs.iter().map(|epoch| {
            let private = PrivateKey::from_seed(root.derive_with("strongroom format 1 data key", &epoch.to_le_bytes()));
            Ok(BundleEpoch {
                epoch: *epoch,
                index: root.derive_with("strongroom format 1 index key", &epoch.to_le_bytes()),
                data_public: if writes && newest == Some(epoch) { Some(private.public_key()?) } else { None },
                data_private: role.can_read().then_some(private),
            })
        });
        Ok(Bundle {
            repository,
            role,
            owner: owner_signing(root).verifying_key(),
            epochs: epochs.collect::<Result<_>>()?,
            id_key: writes.then(|| root.derive("strongroom format 1 id key")),
            chunker_key: writes.then(|| root.derive("strongroom format 1 chunker key")),
            root: (role == Role::Owner).then(|| root.clone()),
            holder,
        })
    }

    /// The epochs, ascending.
    pub(crate) fn epochs(&self) -> &[BundleEpoch] {
        &self.epochs
    }

    /// The newest epoch.
    pub(crate) fn newest(&self) -> u32 {
        self.epochs.last().map_or(FIRST_EPOCH, |epoch| epoch.epoch)
    }

    /// The same keys, for a holder with these seeds.
    pub(crate) fn with_holder(&self, holder: Option<HolderSeeds>) -> Bundle {
        Bundle { holder, ..self.clone() }
    }

    pub(crate) fn encode(&self) -> SecretBytes {
        let owner = self.root.is_some();
        let signing = self.holder.as_ref().map(|holder| &holder.signing);
        let kem = self.holder.as_ref().and_then(|holder| holder.kem.as_ref());
        // What an owner can derive from the root is not written.
        let derivable = |key: &'_ Option<SecretKey>| key.as_ref().filter(|_| !owner).cloned();
        let fields = [
            (5, derivable(&self.id_key)),
            (6, derivable(&self.chunker_key)),
            (7, self.root.clone()),
            (8, signing.cloned()),
            (9, kem.cloned()),
        ];
        let mut writer = SecretWriter::new();
        writer
            .map(5 + fields.iter().filter(|(_, value)| value.is_some()).count())
            .uint(0, VERSION)
            .bytes(1, self.repository.as_bytes())
            .uint(2, self.role.code().into())
            .bytes(3, &self.owner.to_bytes())
            .key(4)
            .list(self.epochs.len());
        for epoch in &self.epochs {
            // The public key follows from the private one.
            let public = epoch.data_public.as_ref().filter(|_| epoch.data_private.is_none());
            let private = epoch.data_private.as_ref().filter(|_| !owner);
            let count = 1 + usize::from(!owner) + usize::from(public.is_some()) + usize::from(private.is_some());
            writer.map(count).uint(0, epoch.epoch);
            if !owner {
                writer.bytes(1, epoch.index.expose());
            }
            if let Some(public) = public {
                writer.bytes(2, &public.to_bytes());
            }
            if let Some(private) = private {
                writer.bytes(3, private.seed().expose());
            }
        }
        for (key, value) in &fields {
            if let Some(value) = value {
                writer.bytes(*key, value.expose());
            }
        }
        writer.finish()
    }

    /// Decodes what [`encode`](Self::encode) wrote and checks that it holds the keys of its role, no fewer and no
    /// more.
    pub(crate) fn decode(bytes: &[u8], operation: &'static str) -> Result<Self> {
        let mut reader = SecretReader::new(bytes, operation);
        let bundle = reader.map(|map| {
            map.version(VERSION)?;
            let repository = RepositoryId::from_bytes(map.array(1)?);
            let role = Role::from_code(map.uint(2)?, operation)?;
            let owner: [u8; sign::PUBLIC_KEY] = map.array(3)?;
            let owner =
                VerifyingKey::from_bytes(&owner).map_err(|_| corrupt(operation, "the owner's key is not valid"))?;
            let list = map.at(4)?;
            let count = list.list(MAX_EPOCHS)?;
            let epochs: Vec<RawEpoch> = (0..count).map(|_| list.map(RawEpoch::read)).collect::<Result<_>>()?;
            let mut key = |key| map.optional_array(key).map(|bytes| bytes.map(SecretKey::from_bytes));
            let (id_key, chunker_key, root, signing, kem) = (key(5)?, key(6)?, key(7)?, key(8)?, key(9)?);
            let holder = match (signing, kem) {
                (Some(signing), kem) => Some(HolderSeeds { signing, kem }),
                (None, None) => None,
                (None, Some(_)) => return Err(wrong_keys(operation)),
            };
            match root {
                Some(root) => {
                    owner_bundle(&root, repository, role, owner, &epochs, [id_key, chunker_key], holder, operation)
                }
                None => {
                    let newest = epochs.len();
                    let epochs = epochs
                        .into_iter()
                        .zip(1..)
                        .map(|(epoch, position)| epoch.finish(role, position == newest, operation))
                        .collect::<Result<_>>()?;
                    Ok(Bundle { repository, role, owner, epochs, id_key, chunker_key, root, holder })
                }
            }
        })?;
        reader.finish()?;
        bundle.check(operation)?;
        Ok(bundle)
    }

    fn check(&self, operation: &'static str) -> Result<()> {
        let ascend = self.epochs.is_sorted_by(|left, right| left.epoch < right.epoch);
        if !ascend || self.epochs.first().is_none_or(|first| first.epoch < FIRST_EPOCH) {
            return Err(corrupt(operation, "the epochs of its keys do not ascend from 1"));
        }
        let writes = self.role.can_write();
        let holder = match (&self.holder, self.role) {
            (None, _) | (Some(_), Role::Writer | Role::Reader) => true,
            // A maintainer signs nothing; all the pair is good for is to be given newer bundles.
            (Some(holder), Role::Maintainer) => holder.kem.is_some(),
            (Some(_), Role::Owner) => false,
        };
        let exact = self.id_key.is_some() == writes
            && self.chunker_key.is_some() == writes
            && self.root.is_some() == (self.role == Role::Owner)
            && holder;
        if exact { Ok(()) } else { Err(wrong_keys(operation)) }
    }
}

/// An epoch as it is encoded.
struct RawEpoch {
    epoch: u32,
    index: Option<SecretKey>,
    data_public: Option<[u8; kem::PUBLIC_KEY]>,
    data_private: Option<SecretKey>,
}

impl RawEpoch {
    fn read(map: &mut SecretFields<'_, '_>) -> Result<Self> {
        Ok(RawEpoch {
            epoch: map.uint(0)?,
            index: map.optional_array(1)?.map(SecretKey::from_bytes),
            data_public: map.optional_array(2)?,
            data_private: map.optional_array(3)?.map(SecretKey::from_bytes),
        })
    }

    /// The keys of a role other than owner.
    fn finish(self, role: Role, newest: bool, operation: &'static str) -> Result<BundleEpoch> {
        let data_private = self.data_private.map(PrivateKey::from_seed);
        if data_private.is_some() != role.can_read() || self.data_public.is_some() != (newest && role == Role::Writer) {
            return Err(wrong_keys(operation));
        }
        let data_public = match (&data_private, &self.data_public) {
            (Some(private), _) if newest => Some(private.public_key()?),
            (_, Some(public)) => Some(
                PublicKey::from_bytes(public).map_err(|_| corrupt(operation, "the data public key is not valid"))?,
            ),
            _ => None,
        };
        let index = self.index.ok_or_else(|| wrong_keys(operation))?;
        Ok(BundleEpoch { epoch: self.epoch, index, data_public, data_private })
    }
}

#[allow(clippy::too_many_arguments)] // the fields of one structure, on their way into it
fn owner_bundle(
    root: &SecretKey,
    repository: RepositoryId,
    role: Role,
    owner: VerifyingKey,
    epochs: &[RawEpoch],
    derivable: [Option<SecretKey>; 2],
    holder: Option<HolderSeeds>,
    operation: &'static str,
) -> Result<Bundle> {
    let bare = |epoch: &RawEpoch| epoch.index.is_none() && epoch.data_public.is_none() && epoch.data_private.is_none();
    if role != Role::Owner || derivable.iter().any(Option::is_some) || !epochs.iter().all(bare) {
        return Err(wrong_keys(operation));
    }
    let numbers: Vec<u32> = epochs.iter().map(|epoch| epoch.epoch).collect();
    let bundle = Bundle::derive(root, repository, role, &numbers, holder)
        .map_err(|_| corrupt(operation, "the epochs of its keys do not ascend from 1"))?;
    if bundle.owner == owner {
        Ok(bundle)
    } else {
        Err(corrupt(operation, "the owner's key does not belong to the root"))
    }
}

fn wrong_keys(operation: &'static str) -> Error {
    corrupt(operation, "it does not hold exactly the keys of its role")
}

/// The key that signs for the owner of the repository with this root.
pub(crate) fn owner_signing(root: &SecretKey) -> SigningKey {
    SigningKey::from_seed(root.derive("strongroom format 1 owner signing key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Seeds of signing and, if there is one, of the X-Wing key.
    type Seeds = Option<([u8; 32], Option<[u8; 32]>)>;

    fn bundle(role: Role, epochs: &[u32], seeds: Seeds) -> Bundle {
        let root = SecretKey::from_bytes([7; 32]);
        let holder = seeds.map(|(signing, kem)| HolderSeeds {
            signing: SecretKey::from_bytes(signing),
            kem: kem.map(SecretKey::from_bytes),
        });
        Bundle::derive(&root, RepositoryId::from_bytes([1; 16]), role, epochs, holder).unwrap()
    }

    fn bytes(key: Option<&SecretKey>) -> Option<[u8; 32]> {
        key.map(|key| *key.expose())
    }

    #[test]
    fn roles_hold_the_keys_of_the_table_and_no_others() {
        for role in Role::ALL {
            let bundle = bundle(role, &[1, 2, 5], None);
            let decoded = Bundle::decode(&bundle.encode(), "read").unwrap();
            for bundle in [bundle, decoded] {
                let writes = role != Role::Maintainer;
                let reads = matches!(role, Role::Reader | Role::Owner);
                assert_eq!(bundle.id_key.is_some(), writes);
                assert_eq!(bundle.chunker_key.is_some(), writes);
                assert_eq!(bundle.root.is_some(), role == Role::Owner);
                assert_eq!(bundle.newest(), 5);
                for epoch in bundle.epochs() {
                    assert_eq!(epoch.data_public.is_some(), writes && epoch.epoch == 5);
                    assert_eq!(epoch.data_private.is_some(), reads);
                }
                let raw = bundle.encode();
                let root = [7; 32];
                assert_eq!(raw.windows(32).any(|window| window == root), role == Role::Owner);
            }
        }
    }

    #[test]
    fn every_role_derives_the_same_keys() {
        let owner = bundle(Role::Owner, &[1, 2], None);
        for role in Role::ALL {
            let other = bundle(role, &[1, 2], None);
            assert_eq!(other.owner, owner.owner);
            for (left, right) in owner.epochs().iter().zip(other.epochs()) {
                assert_eq!(left.index.expose(), right.index.expose());
                if let (Some(left), Some(right)) = (&left.data_public, &right.data_public) {
                    assert!(left == right);
                }
            }
        }
        let [one, two] = owner.epochs() else { panic!() };
        assert_ne!(one.index.expose(), two.index.expose());
    }

    proptest! {
        #[test]
        fn round_trip(role in prop::sample::select(Role::ALL.as_slice()), seeds: Seeds, epochs in prop::collection::btree_set(1u32.., 1..4)) {
            let seeds = seeds.filter(|(_, kem)| match role {
                Role::Writer | Role::Reader => true,
                Role::Maintainer => kem.is_some(),
                Role::Owner => false,
            });
            let epochs: Vec<u32> = epochs.into_iter().collect();
            let bundle = bundle(role, &epochs, seeds);
            let encoded = bundle.encode();
            let decoded = Bundle::decode(&encoded, "read").unwrap();
            prop_assert_eq!(decoded.encode(), encoded);
            prop_assert_eq!(decoded.role, role);
            let found = decoded.holder.map(|holder| (*holder.signing.expose(), bytes(holder.kem.as_ref())));
            prop_assert_eq!(found, seeds);
            prop_assert_eq!(bytes(decoded.id_key.as_ref()), bytes(bundle.id_key.as_ref()));
            prop_assert_eq!(bytes(decoded.chunker_key.as_ref()), bytes(bundle.chunker_key.as_ref()));
        }

        #[test]
        fn rubbish_never_panics(bytes: Vec<u8>) {
            let _ = Bundle::decode(&bytes, "read");
        }
    }

    #[test]
    fn missing_and_surplus_keys_are_corrupt() {
        let mut cases = Vec::new();
        for role in Role::ALL {
            let good = bundle(role, &[1, 2], None);
            cases.push(Bundle {
                id_key: Some(SecretKey::from_bytes([0; 32])),
                root: None,
                role: Role::Maintainer,
                ..good.clone()
            });
            for other in Role::ALL.into_iter().filter(|other| *other != role) {
                cases.push(Bundle { role: other, ..good.clone() });
            }
            cases.push(Bundle { epochs: good.epochs.iter().rev().cloned().collect(), ..good.clone() });
            cases.push(Bundle { epochs: Vec::new(), ..good });
        }
        cases.push(bundle(Role::Maintainer, &[1], Some(([0; 32], None))));
        cases.push(bundle(Role::Owner, &[1], Some(([0; 32], None))));
        cases.push(bundle(Role::Owner, &[1], Some(([0; 32], Some([1; 32])))));
        let stranger = SigningKey::from_seed(SecretKey::from_bytes([9; 32])).verifying_key();
        cases.push(Bundle { owner: stranger, ..bundle(Role::Owner, &[1], None) });
        for case in cases {
            assert_eq!(Bundle::decode(&case.encode(), "read").unwrap_err().kind(), ErrorKind::Corrupt, "{case:?}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let shown = format!("{:?}", bundle(Role::Owner, &[1], None));
        assert!(!shown.contains("7, 7") && !shown.contains("0707"), "{shown}");
    }
}
