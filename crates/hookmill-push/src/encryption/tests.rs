//! The example of RFC 8291, appendix A, and a reader that shares nothing but the key derivation's definition.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
}

const RECEIVER_SECRET: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const RECEIVER_PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn subscription() -> Subscription {
    Subscription::parse("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", RECEIVER_PUBLIC, AUTH)
        .unwrap()
}

/// Reads a body as a browser does.
fn decrypt(body: &[u8]) -> Option<Vec<u8>> {
    let salt: [u8; 16] = body[..16].try_into().unwrap();
    assert_eq!(body[16..20], [0, 0, 16, 0]);
    let length = usize::from(body[20]);
    let sender = &body[21..21 + length];
    let secret = SecretKey::from_slice(&bytes::<32>(RECEIVER_SECRET)).unwrap();
    let public = p256::PublicKey::from_sec1_bytes(sender).unwrap();
    let shared = secret.diffie_hellman(&public);
    let receiver = secret.public_key().to_sec1_bytes();
    let keys = message_keys(shared.raw_secret_bytes().as_slice(), &bytes(AUTH), &receiver, sender, &salt).unwrap();
    let mut plain = Aes128Gcm::new(&keys.key.into()).decrypt(&Nonce::from(keys.nonce), &body[21 + length..]).ok()?;
    while plain.last() == Some(&0) {
        plain.pop();
    }
    assert_eq!(plain.pop(), Some(2));
    Some(plain)
}

#[test]
fn agrees_with_the_example_of_the_standard() {
    let random =
        Randomness { key: bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), salt: bytes("DGv6ra1nlYgDCS1FRnbzlw") };
    let body = encrypt(&subscription(), b"When I grow up, I want to be a watermelon", &random).unwrap();
    let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
    assert_eq!(URL_SAFE_NO_PAD.encode(&body), expected);
}

#[test]
fn a_browser_reads_every_size_and_nothing_that_was_changed() {
    for size in [0, 1, 100, PAYLOAD_BYTES_MAX] {
        let payload: Vec<u8> = (0..size).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let random = Randomness { key: [u8::try_from(size % 200).unwrap() + 1; 32], salt: [9; 16] };
        let body = encrypt(&subscription(), &payload, &random).unwrap();
        assert!(body.len() <= 4_096);
        assert_eq!(decrypt(&body), Some(payload));
        let mut changed = body.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(decrypt(&changed), None);
    }
    let random = Randomness { key: [1; 32], salt: [1; 16] };
    let error = encrypt(&subscription(), &vec![0; PAYLOAD_BYTES_MAX + 1], &random).unwrap_err();
    assert_eq!(error, PushError::PayloadTooLarge { bytes: PAYLOAD_BYTES_MAX + 1 });
}
