use super::*;
use crate::account::PublicKey;
use crate::crypto::SecretKey;
use crate::crypto::sign::SigningKey;
use proptest::prelude::*;

fn public(seed: u8) -> PublicKey {
    PublicKey(SigningKey::from_seed(SecretKey::from_bytes([seed; 32])).verifying_key())
}

fn registration() -> FinishRegistration {
    FinishRegistration {
        registration_id: RegistrationId::from_bytes([1; 16]),
        first_name: "Kim".to_owned(),
        last_name: "Example".to_owned(),
        email: "kim@example.org".to_owned(),
        plan: "pro".to_owned(),
        opaque_upload: Base64Url(vec![2; 192]),
        password_wrap: Base64Url(vec![3; 100]),
        recovery_wrap: Base64Url(vec![4; 100]),
        recovery_public: public(5),
        account_public: public(6),
    }
}

#[test]
fn a_request_comes_back_and_has_the_form_that_is_documented() {
    let bytes = write_request(&registration()).unwrap();
    assert_eq!(read_request::<FinishRegistration>(&bytes).unwrap(), registration());
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(json["registration_id"], "01".repeat(16));
    assert_eq!(json["password_wrap"], Base64Url::encode(&[3; 100]));
    assert_eq!(json["recovery_public"].as_str().unwrap().len(), 43);
}

#[test]
fn errors_name_the_field_and_never_what_it_holds() {
    let mut request = registration();
    request.last_name = "4111111111111111".to_owned();
    let error = write_request(&request).unwrap_err();
    assert_eq!((error.kind(), error.object_name()), (ErrorKind::InvalidArgument, Some("last_name")));
    let json = String::from_utf8(write_response(&request).unwrap()).unwrap();
    assert!(read_request::<FinishRegistration>(json.as_bytes()).is_err());
    for broken in [
        json.replace("\"pro\"", "4111111111111111"),
        json.replace("\"pro\"", "{\"4111111111111111\":1}"),
        json.replace("plan", "4111111111111111"),
        json.replace(&"01".repeat(16), "4111111111111111"),
        json.replace("\"opaque_upload\":\"", "\"opaque_upload\":\"4111111111111111="),
        format!("{json}4111111111111111"),
    ] {
        let error = read_request::<FinishRegistration>(broken.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(!format!("{error} {error:?}").contains("4111"), "{error:?}");
    }
    let error = read_request::<StartRecovery>(b"{}").unwrap_err();
    assert_eq!(error.to_string(), "could not recover the account: the field email is missing");
}

#[test]
fn the_service_refuses_unknown_fields_and_clients_pass_over_them() {
    let error = read_request::<StartRecovery>(br#"{"email":"kim@example.org","role":"admin"}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let answer = format!(r#"{{"account_id":"{}","since":"the future"}}"#, "0a".repeat(16));
    let confirmed: RegistrationConfirmed = read_response(answer.as_bytes(), "confirm").unwrap();
    assert_eq!(confirmed.account_id, AccountId::from_bytes([10; 16]));
    let page: Page<Vault> = read_response(br#"{"items":[]}"#, "list").unwrap();
    assert_eq!(page, Page { items: Vec::new(), next: None });
}

#[test]
fn messages_have_bounds() {
    let long = vec![b' '; MAX_REQUEST + 1];
    assert_eq!(read_request::<StartRecovery>(&long).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let long = vec![b' '; MAX_RESPONSE + 1];
    assert_eq!(read_response::<Page<Vault>>(&long, "list").unwrap_err().kind(), ErrorKind::Corrupt);
    let mut request = registration();
    request.opaque_upload = Base64Url(vec![0; MAX_REQUEST]);
    assert_eq!(write_request(&request).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn each_id_and_each_bytes_have_one_form() {
    for text in ["0A", "0a0", ""] {
        let json = format!(r#"{{"account_id":"{}"}}"#, text.repeat(16));
        assert!(read_response::<RegistrationConfirmed>(json.as_bytes(), "confirm").is_err(), "{text}");
    }
    assert_eq!(Base64Url::decode("AAE"), Some(vec![0, 1]));
    for text in ["AAE=", "AAF", "A", "AA+/", "AA E"] {
        assert_eq!(Base64Url::decode(text), None, "{text}");
    }
}

#[test]
fn capabilities_are_a_set_with_one_form() {
    let set: Capabilities = serde_json::from_str(r#"["read","append","read"]"#).unwrap();
    assert_eq!(set, Capabilities::from([Capability::Append, Capability::Read]));
    assert_eq!(serde_json::to_string(&set).unwrap(), r#"["append","read"]"#);
    assert_eq!(set.to_string().parse::<Capabilities>().unwrap(), set);
    assert!(serde_json::from_str::<Capabilities>(r#"["root"]"#).is_err());
    assert!("append,root".parse::<Capabilities>().is_err());
    assert_eq!("".parse::<Capabilities>().unwrap(), Capabilities::NONE);
    for capability in Capability::ALL {
        assert_eq!(serde_json::to_string(&capability).unwrap(), format!("\"{capability}\""));
        assert!(Capabilities::ALL.contains(capability) && !Capabilities::NONE.contains(capability));
    }
}

#[test]
fn secrets_are_not_shown() {
    let code = SecretText::new("12345678");
    let confirm = ConfirmRegistration { registration_id: RegistrationId::from_bytes([1; 16]), code };
    assert!(!format!("{confirm:?}").contains("1234"));
    assert!(!format!("{:?}", registration().password_wrap).contains("AwMD"));
}

#[test]
fn weak_and_unknown_stretching_is_refused() {
    use crate::crypto::password::Cost;
    let strong = Stretching::argon2id(Cost::DEFAULT);
    assert_eq!(strong.cost().unwrap(), Cost::DEFAULT);
    for weak in [
        Stretching { memory_kib: 19 * 1024 - 1, ..strong.clone() },
        Stretching { passes: 1, ..strong.clone() },
        Stretching { lanes: 0, ..strong.clone() },
        Stretching { memory_kib: u32::MAX, ..strong.clone() },
        Stretching { algorithm: "none".to_owned(), ..strong },
    ] {
        assert_eq!(weak.cost().unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

proptest! {
    #[test]
    fn rubbish_is_an_error_and_nothing_worse(bytes: Vec<u8>) {
        prop_assert!(read_request::<FinishRegistration>(&bytes).is_err());
        prop_assert!(read_request::<EnrolDevice>(&bytes).is_err());
        prop_assert!(read_response::<SignInFinished>(&bytes, "sign in").is_err());
        let _ = ProblemDocument::error_of(500, &bytes, None, "ask");
    }

    #[test]
    fn texts_come_back(first in "\\PC{1,30}", last in "\\PC{1,30}") {
        let mut request = registration();
        request.first_name = first;
        request.last_name = last;
        if let Ok(bytes) = write_request(&request) {
            prop_assert_eq!(read_request::<FinishRegistration>(&bytes).unwrap(), request);
        }
    }
}
