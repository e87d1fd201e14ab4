//! The objects `keys/<slot id>`: a bundle wrapped for one holder.
//!
//! The holder's secret yields a key-encryption key; from it and from all that stands in the open part of the slot
//! come a commitment and the key that seals the bundle. So a slot opens under one key only, and nothing in it can
//! be changed, or moved to another repository, role or epoch, without that showing.

use super::bundle::{Bundle, Role};
use super::cbor::{MapReader, MapWriter};
use super::label;
use super::object::{Kind, header, strip};
use crate::crypto::aead::{self, NONCE};
use crate::crypto::kem;
use crate::crypto::password::Cost;
use crate::crypto::sign::{SIGNATURE, SigningKey, VerifyingKey};
use crate::crypto::{SecretKey, hash};
use crate::error::{Error, ErrorKind, Result, corrupt, internal, unsupported};
use crate::id::{DeviceId, RepositoryId, SlotId};
use zeroize::Zeroizing;

const VERSION: u32 = 1;
const SIGNATURE_CONTEXT: &str = "strongroom format 1 key slot";
const DEVICE_INFO: &[u8] = b"strongroom format 1 device wrap";

/// Longest object that is read as a key slot.
pub(crate) const MAX_LENGTH: u64 = 64 * 1024;

/// Length of the key sealed to a device.
const SEALED_KEY: usize = 32 + kem::OVERHEAD;

/// How the key-encryption key comes from the holder's secret, with the parameters that are not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Method {
    Passphrase { salt: [u8; 16], cost: Cost },
    RecoveryCode { salt: [u8; 16] },
    Device { sealed_key: Vec<u8> },
    AccountKey { salt: [u8; 16] },
}

impl Method {
    pub(crate) fn code(&self) -> u32 {
        match self {
            Method::Passphrase { .. } => 1,
            Method::RecoveryCode { .. } => 2,
            Method::Device { .. } => 3,
            Method::AccountKey { .. } => 4,
        }
    }
}

/// The open part of a slot: everything the wrap is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) repository: RepositoryId,
    pub(crate) id: SlotId,
    pub(crate) role: Role,
    /// The newest epoch in the bundle.
    pub(crate) epoch: u32,
    pub(crate) method: Method,
    /// The device the holder signs as; missing where it is the owner's own key, or nothing is signed.
    pub(crate) device: Option<DeviceId>,
    /// For people; may be empty.
    pub(crate) label: String,
    /// When it was made by its maker's clock, in unix seconds.
    pub(crate) created: i64,
}

impl Head {
    fn map(&self) -> MapWriter {
        let parameters = MapWriter::new().optional(0, self.device.map(|device| bytes(device.as_bytes())));
        let parameters = match &self.method {
            Method::Passphrase { salt, cost } => {
                parameters.bytes(1, salt).put(2, cost.memory_kib).put(3, cost.passes).put(4, cost.lanes)
            }
            Method::RecoveryCode { salt } | Method::AccountKey { salt } => parameters.bytes(1, salt),
            Method::Device { sealed_key } => parameters.bytes(1, sealed_key),
        };
        MapWriter::new()
            .put(0, VERSION)
            .bytes(1, self.repository.as_bytes())
            .bytes(2, self.id.as_bytes())
            .put(3, u32::from(self.role.code()))
            .put(4, self.epoch)
            .put(5, self.method.code())
            .put(6, parameters.into_value())
            .put(7, self.label.as_str())
            .put(8, self.created)
    }

    /// What commitment and seal are bound to: the object's header and fields 0 to 8.
    fn bound(&self) -> Result<Vec<u8>> {
        let mut bytes = header(Kind::KeySlot).to_vec();
        bytes.extend_from_slice(&self.map().encode()?);
        Ok(bytes)
    }
}

fn bytes(bytes: &[u8]) -> ciborium::Value {
    ciborium::Value::Bytes(bytes.to_vec())
}

/// A decoded slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) head: Head,
    commitment: [u8; 32],
    sealed: Vec<u8>,
    /// Of the owner, for devices: their public keys are no secret, so anybody could seal something to them.
    signature: Option<[u8; SIGNATURE]>,
}

impl Slot {
    /// Wraps `bundle` under the key-encryption key. A device's slot is signed by `owner`.
    pub(crate) fn seal(
        head: Head,
        key: &SecretKey,
        bundle: &Bundle,
        nonce: [u8; NONCE],
        owner: Option<&SigningKey>,
    ) -> Result<Self> {
        let operation = "make a key slot";
        if (bundle.repository, bundle.role, bundle.newest()) != (head.repository, head.role, head.epoch) {
            return Err(internal(operation, "the open part does not describe the bundle"));
        }
        let bound = head.bound()?;
        let plaintext = bundle.encode();
        let mut sealed = Vec::with_capacity(plaintext.len() + aead::SEAL_OVERHEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&plaintext);
        aead::encrypt(&wrap_key(key, &bound), nonce, &bound, &mut sealed, NONCE)?;
        let mut slot = Slot { head, commitment: *commitment(key, &bound).expose(), sealed, signature: None };
        if matches!(slot.head.method, Method::Device { .. }) {
            let owner = owner.ok_or_else(|| {
                Error::new(ErrorKind::Forbidden, operation).detail("only an owner can make keys for devices")
            })?;
            slot.signature = Some(owner.sign(SIGNATURE_CONTEXT, &slot.unsigned()?));
        }
        Ok(slot)
    }

    fn map(&self) -> MapWriter {
        self.head.map().bytes(9, &self.commitment).bytes(10, &self.sealed)
    }

    /// What the owner signs: the header and fields 0 to 10.
    fn unsigned(&self) -> Result<Vec<u8>> {
        let mut bytes = header(Kind::KeySlot).to_vec();
        bytes.extend_from_slice(&self.map().encode()?);
        Ok(bytes)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = header(Kind::KeySlot).to_vec();
        let signature = self.signature.map(|signature| self::bytes(&signature));
        bytes.extend_from_slice(&self.map().optional(11, signature).encode()?);
        Ok(bytes)
    }

    /// Decodes a slot; nothing in it is authenticated until it is opened.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let operation = "read a key slot";
        let mut map = MapReader::decode(strip(bytes, Kind::KeySlot, operation)?, operation)?;
        map.version(VERSION)?;
        let repository = RepositoryId::from_bytes(map.array(1)?);
        let id = SlotId::from_bytes(map.array(2)?);
        let role = Role::from_code(map.u32(3)?, operation)?;
        let epoch = map.u32(4)?;
        let method = map.u32(5)?;
        let mut parameters = map.map(6)?;
        let device = if parameters.has(0) { Some(DeviceId::from_bytes(parameters.array(0)?)) } else { None };
        let method = match method {
            1 => {
                let salt = parameters.array(1)?;
                let cost =
                    Cost { memory_kib: parameters.u32(2)?, passes: parameters.u32(3)?, lanes: parameters.u32(4)? };
                cost.check()?;
                Method::Passphrase { salt, cost }
            }
            2 => Method::RecoveryCode { salt: parameters.array(1)? },
            3 => Method::Device { sealed_key: parameters.array::<SEALED_KEY>(1)?.to_vec() },
            4 => Method::AccountKey { salt: parameters.array(1)? },
            other => return Err(unsupported(operation, format!("its method {other} is not known to this build"))),
        };
        parameters.finish()?;
        let label = map.text(7)?;
        if let Some(fault) = label::fault(&label) {
            return Err(corrupt(operation, fault));
        }
        let created = map.i64(8)?;
        let commitment = map.array(9)?;
        let sealed = map.bytes(10)?;
        let signature = if map.has(11) { Some(map.array(11)?) } else { None };
        map.finish()?;
        let is_device = matches!(method, Method::Device { .. });
        if is_device != signature.is_some() || (is_device && device.is_none()) {
            return Err(corrupt(operation, "a device's slot names the device and is signed, and no other slot is"));
        }
        let head = Head { repository, id, role, epoch, method, device, label, created };
        Ok(Slot { head, commitment, sealed, signature })
    }

    /// Checks the owner's signature of a device's slot. Other slots have none: there the wrap itself proves that
    /// its maker knew the secret.
    pub(crate) fn verify(&self, owner: &VerifyingKey, operation: &'static str) -> Result<()> {
        match &self.signature {
            Some(signature) => owner.verify(SIGNATURE_CONTEXT, &self.unsigned()?, signature, operation),
            None => Ok(()),
        }
    }

    /// Opens the slot with a key-encryption key.
    ///
    /// Fails with `WrongKey` before anything is decrypted when the slot does not commit to that key, with `Corrupt`
    /// when it does and is damaged all the same.
    pub(crate) fn open(&self, key: &SecretKey, operation: &'static str) -> Result<Bundle> {
        let bound = self.head.bound()?;
        if !hash::equal(commitment(key, &bound).expose(), &self.commitment) {
            return Err(Error::new(ErrorKind::WrongKey, operation).detail("the key does not open this slot"));
        }
        let plaintext = Zeroizing::new(aead::open(&wrap_key(key, &bound), &bound, &self.sealed, operation)?);
        let bundle = Bundle::decode(&plaintext, operation)?;
        let Head { repository, role, epoch, .. } = self.head;
        if (bundle.repository, bundle.role, bundle.newest()) != (repository, role, epoch) {
            return Err(corrupt(operation, "the keys in it are not those its open part describes"));
        }
        Ok(bundle)
    }
}

fn wrap_key(key: &SecretKey, bound: &[u8]) -> SecretKey {
    key.derive_with("strongroom format 1 wrap key", bound)
}

fn commitment(key: &SecretKey, bound: &[u8]) -> SecretKey {
    key.derive_with("strongroom format 1 wrap commitment", bound)
}

/// The key-encryption key of a slot for a recovery code.
pub(crate) fn recovery_wrap(code: &SecretKey, salt: &[u8; 16]) -> SecretKey {
    code.derive_with("strongroom format 1 recovery wrap", salt)
}

/// The key-encryption key of a slot for an account key.
pub(crate) fn account_wrap(account: &SecretKey, salt: &[u8; 16]) -> SecretKey {
    account.derive_with("strongroom format 1 account wrap", salt)
}

/// Seals a key-encryption key to a device, for one slot of one repository.
pub(crate) fn seal_to_device(
    device: &kem::PublicKey,
    repository: &RepositoryId,
    slot: &SlotId,
    key: &SecretKey,
) -> Result<Vec<u8>> {
    device.seal(DEVICE_INFO, &device_aad(repository, slot), key.expose())
}

/// Opens what [`seal_to_device`] sealed.
pub(crate) fn open_for_device(
    device: &kem::PrivateKey,
    repository: &RepositoryId,
    slot: &SlotId,
    sealed: &[u8],
    operation: &'static str,
) -> Result<SecretKey> {
    let key = device.open(DEVICE_INFO, &device_aad(repository, slot), sealed, operation)?;
    let key: [u8; 32] =
        key.as_slice().try_into().map_err(|_| corrupt(operation, "the sealed key is not 32 bytes long"))?;
    Ok(SecretKey::from_bytes(key))
}

fn device_aad(repository: &RepositoryId, slot: &SlotId) -> [u8; 32] {
    let mut aad = [0; 32];
    let (left, right) = aad.split_at_mut(RepositoryId::LEN);
    left.copy_from_slice(repository.as_bytes());
    right.copy_from_slice(slot.as_bytes());
    aad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bundle::HolderSeeds;
    use crate::format::object::HEADER;
    use proptest::prelude::*;

    const ROOT: SecretKey = SecretKey::from_bytes([7; 32]);
    const KEY: SecretKey = SecretKey::from_bytes([8; 32]);

    fn bundle(role: Role) -> Bundle {
        Bundle::derive(&ROOT, RepositoryId::from_bytes([1; 16]), role, &[1, 3], None).unwrap()
    }

    fn owner() -> SigningKey {
        crate::format::bundle::owner_signing(&ROOT)
    }

    fn methods() -> [Method; 4] {
        [
            Method::Passphrase { salt: [2; 16], cost: Cost::FLOOR },
            Method::RecoveryCode { salt: [2; 16] },
            Method::Device { sealed_key: vec![3; SEALED_KEY] },
            Method::AccountKey { salt: [2; 16] },
        ]
    }

    fn head(method: Method, role: Role) -> Head {
        Head {
            repository: RepositoryId::from_bytes([1; 16]),
            id: SlotId::from_bytes([4; 16]),
            role,
            epoch: 3,
            device: matches!(method, Method::Device { .. }).then_some(DeviceId::from_bytes([5; 16])),
            method,
            label: "laptop".to_owned(),
            created: 1_700_000_000,
        }
    }

    fn slot(method: Method, role: Role) -> Slot {
        Slot::seal(head(method, role), &KEY, &bundle(role), [6; NONCE], Some(&owner())).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Bundle> {
        let slot = Slot::decode(bytes)?;
        slot.verify(&owner().verifying_key(), "open")?;
        slot.open(&KEY, "open")
    }

    proptest! {
        #[test]
        fn round_trip(
            method in prop::sample::select(methods().to_vec()),
            role in prop::sample::select(Role::ALL.as_slice()),
            salt: [u8; 16],
            device: Option<[u8; 16]>,
            label in "[^\\p{Cc}]{0,32}",
            created: i64,
        ) {
            let method = match method {
                Method::Passphrase { cost, .. } => Method::Passphrase { salt, cost },
                Method::AccountKey { .. } => Method::AccountKey { salt },
                other => other,
            };
            let mut head = head(method, role);
            head.device = head.device.or(device.map(DeviceId::from_bytes));
            (head.label, head.created) = (label, created);
            let slot = Slot::seal(head, &KEY, &bundle(role), [6; NONCE], Some(&owner())).unwrap();
            let bytes = slot.encode().unwrap();
            prop_assert_eq!(Slot::decode(&bytes).unwrap(), slot);
            prop_assert_eq!(read(&bytes).unwrap().encode(), bundle(role).encode());
        }

        #[test]
        fn rubbish_never_panics(bytes: Vec<u8>) {
            let _ = Slot::decode(&[header(Kind::KeySlot).as_slice(), &bytes].concat());
        }
    }

    #[test]
    fn every_flipped_bit_is_refused_with_the_kind_of_what_it_hit() {
        for method in methods() {
            let device = matches!(method, Method::Device { .. });
            let slot = slot(method, Role::Maintainer);
            let bytes = slot.encode().unwrap();
            let find = |part: &[u8]| bytes.windows(part.len()).position(|window| window == part).unwrap();
            let (commitment, sealed) = (find(&slot.commitment), find(&slot.sealed));
            for position in 0..bytes.len() {
                for bit in 0..8 {
                    let mut flipped = bytes.clone();
                    flipped[position] ^= 1 << bit;
                    let kind = read(&flipped).unwrap_err().kind();
                    let expected: &[ErrorKind] = match position {
                        7 => &[ErrorKind::Unsupported],
                        0..HEADER => &[ErrorKind::Corrupt],
                        _ if device => &[ErrorKind::Untrusted, ErrorKind::Corrupt, ErrorKind::Unsupported],
                        _ if (commitment..commitment + 32).contains(&position) => &[ErrorKind::WrongKey],
                        _ if (sealed..sealed + slot.sealed.len()).contains(&position) => &[ErrorKind::Corrupt],
                        _ => &[ErrorKind::WrongKey, ErrorKind::Corrupt, ErrorKind::Unsupported],
                    };
                    assert!(expected.contains(&kind), "{:?} byte {position} bit {bit}: {kind:?}", slot.head.method);
                }
            }
            for length in 0..bytes.len() {
                assert_eq!(read(&bytes[..length]).unwrap_err().kind(), ErrorKind::Corrupt);
            }
        }
    }

    #[test]
    fn another_key_is_wrong_before_anything_is_opened() {
        let good = slot(Method::RecoveryCode { salt: [2; 16] }, Role::Reader);
        let other = SecretKey::from_bytes([9; 32]);
        assert_eq!(good.open(&other, "open").unwrap_err().kind(), ErrorKind::WrongKey);
        // A seal that does open under the other key, in a slot that commits to this one: without the commitment it
        // would open, and a ciphertext made to fit several keys would tell an attacker which of them is used.
        let bound = good.head.bound().unwrap();
        let crafted = Slot {
            sealed: aead::seal(&wrap_key(&other, &bound), &bound, &bundle(Role::Reader).encode()).unwrap(),
            ..good
        };
        assert!(aead::open(&wrap_key(&other, &bound), &bound, &crafted.sealed, "open").is_ok());
        assert_eq!(crafted.open(&other, "open").unwrap_err().kind(), ErrorKind::WrongKey);
        assert_eq!(crafted.open(&KEY, "open").unwrap_err().kind(), ErrorKind::Corrupt);
        // And it cannot commit to both.
        let both = Slot { commitment: *commitment(&other, &bound).expose(), ..crafted };
        assert!(both.open(&other, "open").is_ok());
        assert_eq!(both.open(&KEY, "open").unwrap_err().kind(), ErrorKind::WrongKey);
    }

    #[test]
    fn the_open_part_must_describe_the_bundle() {
        let method = Method::RecoveryCode { salt: [2; 16] };
        let good = head(method, Role::Reader);
        for wrong in [
            Head { role: Role::Writer, ..good.clone() },
            Head { epoch: 1, ..good.clone() },
            Head { repository: RepositoryId::from_bytes([2; 16]), ..good.clone() },
        ] {
            let refused = Slot::seal(wrong.clone(), &KEY, &bundle(Role::Reader), [6; NONCE], None).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Internal);
            // Made by somebody who holds the key and breaks the rules.
            let bound = wrong.bound().unwrap();
            let slot = Slot {
                commitment: *commitment(&KEY, &bound).expose(),
                sealed: aead::seal(&wrap_key(&KEY, &bound), &bound, &bundle(Role::Reader).encode()).unwrap(),
                head: wrong,
                signature: None,
            };
            assert_eq!(read(&slot.encode().unwrap()).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn costs_out_of_bounds_and_unknown_methods_are_unsupported() {
        let low = Cost { memory_kib: 1024, ..Cost::FLOOR };
        let high = Cost { passes: 1000, ..Cost::FLOOR };
        for cost in [low, high] {
            let bytes = slot(Method::Passphrase { salt: [2; 16], cost }, Role::Owner).encode().unwrap();
            assert_eq!(Slot::decode(&bytes).unwrap_err().kind(), ErrorKind::Unsupported);
        }
        let good = slot(Method::RecoveryCode { salt: [2; 16] }, Role::Owner);
        let object = |map: MapWriter| [header(Kind::KeySlot).as_slice(), &map.encode().unwrap()].concat();
        assert!(Slot::decode(&object(good.map())).is_ok());
        for map in [good.map().put(5, 9), good.map().put(0, 2), good.map().put(3, 9), good.map().put(12, 1)] {
            assert_eq!(Slot::decode(&object(map)).unwrap_err().kind(), ErrorKind::Unsupported);
        }
        for map in [good.map().put(7, "\u{7}"), good.map().bytes(11, &[0; SIGNATURE]), good.map().bytes(9, &[0; 31])] {
            assert_eq!(Slot::decode(&object(map)).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn the_largest_bundles_fit() {
        let epochs: Vec<u32> = (u32::MAX - 511..=u32::MAX).collect();
        for role in Role::ALL {
            let seeds = || HolderSeeds { signing: KEY, kem: Some(KEY) };
            let holder = (role != Role::Owner).then(seeds);
            let bundle = Bundle::derive(&ROOT, RepositoryId::from_bytes([1; 16]), role, &epochs, holder).unwrap();
            let method = Method::Device { sealed_key: vec![3; SEALED_KEY] };
            let head = Head { label: "x".repeat(label::MAX_LENGTH), epoch: u32::MAX, ..head(method, role) };
            let slot = Slot::seal(head, &KEY, &bundle, [6; NONCE], Some(&owner())).unwrap();
            assert!((slot.encode().unwrap().len() as u64) < MAX_LENGTH);
        }
    }

    #[test]
    fn a_device_slot_needs_the_owner() {
        let method = Method::Device { sealed_key: vec![3; SEALED_KEY] };
        let head = head(method.clone(), Role::Writer);
        let refused = Slot::seal(head.clone(), &KEY, &bundle(Role::Writer), [6; NONCE], None).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Forbidden);
        let stranger = SigningKey::from_seed(SecretKey::from_bytes([9; 32]));
        let forged = Slot::seal(head, &KEY, &bundle(Role::Writer), [6; NONCE], Some(&stranger)).unwrap();
        assert_eq!(read(&forged.encode().unwrap()).unwrap_err().kind(), ErrorKind::Untrusted);
        let unsigned = Slot { signature: None, ..forged };
        assert_eq!(Slot::decode(&unsigned.encode().unwrap()).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_key_sealed_to_a_device_is_for_one_slot_of_one_repository() {
        let private = kem::PrivateKey::from_seed(SecretKey::from_bytes([1; 32]));
        let (repository, id) = (RepositoryId::from_bytes([1; 16]), SlotId::from_bytes([2; 16]));
        let sealed = seal_to_device(&private.public_key().unwrap(), &repository, &id, &KEY).unwrap();
        assert_eq!(sealed.len(), SEALED_KEY);
        assert_eq!(open_for_device(&private, &repository, &id, &sealed, "open").unwrap().expose(), KEY.expose());
        for (repository, id) in [(RepositoryId::from_bytes([2; 16]), id), (repository, SlotId::from_bytes([1; 16]))] {
            let refused = open_for_device(&private, &repository, &id, &sealed, "open").unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Corrupt);
        }
    }
}
