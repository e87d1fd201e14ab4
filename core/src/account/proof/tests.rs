use super::*;
use crate::format::device::DeviceKey;
use proptest::prelude::*;

fn token() -> TokenId {
    TokenId::from_bytes([1; 16])
}

const NOW: i64 = 1_790_000_000_000;
const BODY: &[u8] = b"{}";

fn statement<'a>(method: &'a str, target: &'a str, key: Option<u8>) -> Statement<'a> {
    let key = key.map(|byte| IdempotencyKey::from_bytes([byte; 16]));
    Statement::new(method, target, key).unwrap()
}

/// The two ways of proving, with what checks them.
fn proved(statement: &Statement<'_>) -> [(ProofKey, RequestProof); 2] {
    let session = SessionKey::from_opaque(b"session key");
    let device = DeviceKey::from_seeds(SecretKey::from_bytes([2; 32]), SecretKey::from_bytes([3; 32])).unwrap();
    let by_session = RequestProof::by_session(&session, token(), NOW, statement, body_hash(&[BODY])).unwrap();
    let by_device = RequestProof::by_device(&device, token(), NOW, statement, body_hash(&[BODY])).unwrap();
    let public = PublicKey::of_device(&device.request("laptop").unwrap());
    [(ProofKey::Session(session), by_session), (ProofKey::Device(public), by_device)]
}

#[test]
fn a_proof_is_for_one_request() {
    let asked = statement("POST", "/v1/vaults?a=1", Some(1));
    for (key, proof) in proved(&asked) {
        key.check_request(&asked, &RequestProof::from_header(&proof.to_header()).unwrap()).unwrap();
        for other in [
            statement("PUT", "/v1/vaults?a=1", Some(1)),
            statement("POST", "/v1/vaults?a=2", Some(1)),
            statement("POST", "/v1/vaults?a=1", Some(2)),
            statement("POST", "/v1/vaults?a=1", None),
        ] {
            assert_eq!(key.check_request(&other, &proof).unwrap_err().kind(), ErrorKind::Untrusted);
        }
        for other in [
            RequestProof { token: TokenId::from_bytes([2; 16]), ..proof.clone() },
            RequestProof { at: proof.at + 1, ..proof.clone() },
            RequestProof { nonce: Nonce::from_bytes([0; 16]), ..proof.clone() },
            RequestProof { body: body_hash(&[b"{ }"]), ..proof.clone() },
            RequestProof { proof: proof.proof[1..].to_vec(), ..proof.clone() },
            RequestProof { proof: Vec::new(), ..proof.clone() },
        ] {
            assert_eq!(key.check_request(&asked, &other).unwrap_err().kind(), ErrorKind::Untrusted);
        }
    }
    let [(session, by_session), (device, by_device)] = proved(&asked);
    assert!(session.check_request(&asked, &by_device).is_err());
    assert!(device.check_request(&asked, &by_session).is_err());
    let other = SessionKey::from_opaque(b"another session key");
    assert!(other.check_request(&asked, &by_session).is_err());
    let kept = SessionKey::from_bytes(*SessionKey::from_opaque(b"session key").to_bytes());
    kept.check_request(&asked, &by_session).unwrap();
}

#[test]
fn bodies_in_parts_are_the_body() {
    assert_eq!(body_hash(&[b"ab", b"", b"c"]), body_hash(&[b"abc"]));
    assert_eq!(body_hash(&[]), *blake3::hash(b"").as_bytes());
}

#[test]
fn a_statement_has_the_documented_bytes() {
    let proof = RequestProof {
        token: token(),
        at: 17,
        nonce: Nonce::from_bytes([9; 16]),
        body: body_hash(&[]),
        proof: Vec::new(),
    };
    let asked = statement("GET", "/v1/profile", None);
    let expected = format!(
        "strongroom request 1\nGET\n/v1/profile\n{}\n17\n{}\n{}\n\n",
        "01".repeat(16),
        "09".repeat(16),
        blake3::hash(b"").to_hex()
    );
    assert_eq!(String::from_utf8(proof.message(&asked)).unwrap(), expected);
}

#[test]
fn no_statement_is_made_of_lines_that_no_request_has() {
    for (method, target) in
        [("GET\n", "/"), ("GET", "/a\n/b"), ("GET", "/ä"), ("", "/"), ("GET", ""), ("GET", "/ HTTP/1.1")]
    {
        assert_eq!(Statement::new(method, target, None).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn proofs_grow_old() {
    let [(_, proof), _] = proved(&statement("GET", "/", None));
    for (now, timely) in [(0, true), (300_000, true), (-300_000, true), (300_001, false), (-300_001, false)] {
        assert_eq!(proof.is_timely(proof.at + now), timely, "{now}");
    }
    assert!(!RequestProof { at: i64::MIN, ..proof }.is_timely(i64::MAX));
}

#[test]
fn keys_and_proofs_are_not_shown() {
    for (key, proof) in proved(&statement("GET", "/", None)) {
        let shown = format!("{key:?} {proof:?}");
        assert!(!shown.contains(&Base64Url::encode(&proof.proof)) && shown.len() < 300, "{shown}");
    }
}

proptest! {
    #[test]
    fn each_header_has_one_form(at: i64, proof in prop::collection::vec(any::<u8>(), 0..65), position: prop::sample::Index, byte in 0x20u8..0x7f) {
        let made = RequestProof { token: token(), at, nonce: Nonce::from_bytes([7; 16]), body: [8; 32], proof };
        let header = made.to_header();
        let read = RequestProof::from_header(&header).unwrap();
        prop_assert_eq!(&read, &made);
        let mut changed = header.clone().into_bytes();
        let position = position.index(changed.len());
        if changed[position] != byte {
            changed[position] = byte;
            if let Ok(other) = RequestProof::from_header(&String::from_utf8(changed).unwrap()) {
                prop_assert!(other != made);
            }
        }
    }

    #[test]
    fn other_headers_are_denied(text in "\\PC*") {
        for text in [text.clone(), format!("Strongroom {text}"), format!("Bearer {text}")] {
            prop_assert_eq!(RequestProof::from_header(&text).unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
    }
}
