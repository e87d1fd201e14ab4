use super::*;
use crate::account::wire::Capability;

fn master() -> MasterKey {
    MasterKey(SecretKey::from_bytes([7; 32]))
}

fn code() -> RecoveryCode {
    RecoveryCode::parse(&RecoveryCode::generate().unwrap().reveal()).unwrap()
}

fn device(seed: u8) -> DeviceKey {
    DeviceKey::from_seeds(SecretKey::from_bytes([seed; 32]), SecretKey::from_bytes([seed + 1; 32])).unwrap()
}

/// Asserts that no byte of a wrap can be changed, and that it cannot be cut or grow.
fn assert_firm(wrap: &[u8], open: &dyn Fn(&[u8]) -> Result<MasterKey>) {
    assert_eq!(open(wrap).unwrap().expose(), master().expose());
    for position in 0..wrap.len() {
        let mut changed = wrap.to_vec();
        changed[position] ^= 1;
        let kind = open(&changed).unwrap_err().kind();
        let expected: &[ErrorKind] = match position {
            0 => &[ErrorKind::Unsupported],
            _ => &[ErrorKind::Corrupt, ErrorKind::WrongKey],
        };
        assert!(expected.contains(&kind), "byte {position}: {kind:?}");
    }
    for length in [0, 1, 2, 33, wrap.len() - 1] {
        assert!(open(&wrap[..length]).is_err());
    }
    assert!(open(&[wrap, &[0]].concat()).is_err());
}

#[test]
fn each_wrap_opens_with_its_key_alone() {
    let (code, device, other) = (code(), device(1), device(9));
    let request = device.request("laptop").unwrap();
    let by_password = master().wrap_by_export_key(b"export key").unwrap();
    let by_code = master().wrap_by_recovery_code(&code).unwrap();
    let for_device = master().wrap_for_device(&request).unwrap();
    assert_firm(&by_password, &|wrap| MasterKey::unwrap_by_export_key(wrap, b"export key"));
    assert_firm(&by_code, &|wrap| MasterKey::unwrap_by_recovery_code(wrap, &code));
    assert_firm(&for_device, &|wrap| MasterKey::unwrap_by_device(wrap, &device));

    let wrong = MasterKey::unwrap_by_export_key(&by_password, b"another export key").unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::WrongKey);
    let wrong = MasterKey::unwrap_by_recovery_code(&by_code, &RecoveryCode::generate().unwrap()).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::WrongKey);
    assert_eq!(MasterKey::unwrap_by_device(&for_device, &other).unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(MasterKey::unwrap_by_export_key(&by_code, b"export key").is_err());
    assert!(MasterKey::unwrap_by_device(&by_password, &device).is_err());
    for wrap in [by_password, by_code, for_device] {
        assert!(!wrap.windows(32).any(|window| window == master().expose()));
    }
}

/// A wrap whose seal opens under another key is refused, because it does not commit to that key.
#[test]
fn a_wrap_commits_to_its_key() {
    let (one, other) = (password_key(b"one"), password_key(b"other"));
    let wrap = master().wrap(&one, Purpose::Password, &[5; SALT]).unwrap();
    let (bound, _) = wrap.split_at(2 + SALT);
    let sealed = aead::seal(&sealing_key(&other, bound), bound, &[1; 32]).unwrap();
    let crafted = [bound, commitment(&one, bound).expose(), &sealed].concat();
    let open = |key| Wrap::read(&crafted, Purpose::Password).unwrap().open(key).unwrap_err().kind();
    assert_eq!(open(&other), ErrorKind::WrongKey);
    assert_eq!(open(&one), ErrorKind::Corrupt);
}

#[test]
fn certificates_and_recovery_proofs_are_checked_by_their_keys() {
    let device = device(1).request("laptop").unwrap();
    let account = AccountId::from_bytes([3; 16]);
    let certificate = master().certify(account, &device, Capability::Append.into(), 17);
    master().public_key().check_certificate(&certificate).unwrap();
    for changed in [
        DeviceCertificate { account_id: AccountId::from_bytes([4; 16]), ..certificate.clone() },
        DeviceCertificate { grants: Capabilities::ALL, ..certificate.clone() },
        DeviceCertificate { issued_at: 18, ..certificate.clone() },
        DeviceCertificate { signature: Base64Url(vec![0; 64]), ..certificate.clone() },
    ] {
        assert_eq!(master().public_key().check_certificate(&changed).unwrap_err().kind(), ErrorKind::Untrusted);
    }
    let (code, recovery, challenge) = (code(), RecoveryId::from_bytes([1; 16]), Nonce::from_bytes([2; 16]));
    let signature = prove_recovery(&code, &recovery, &challenge);
    let public = recovery_public_key(&code);
    public.check_recovery(&recovery, &challenge, &signature).unwrap();
    assert!(public.check_recovery(&recovery, &Nonce::from_bytes([3; 16]), &signature).is_err());
    assert!(public.check_recovery(&RecoveryId::from_bytes([2; 16]), &challenge, &signature).is_err());
    let other = recovery_public_key(&RecoveryCode::generate().unwrap());
    assert!(other.check_recovery(&recovery, &challenge, &signature).is_err());
}

#[test]
fn keys_differ_by_vault_and_are_not_shown() {
    let key = |byte| *master().vault_key(&VaultId::from_bytes([byte; 16]));
    assert_ne!(key(1), key(2));
    assert_ne!(&key(1), master().expose());
    assert_eq!(format!("{:?}", master()), "MasterKey(..)");
}
