//! Sealing, keys that are wrong or missing, and damage of every kind.

use super::*;
use hookmill_model::Explain as _;

const ENV: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

fn code(result: Result<Vault, VaultError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "opened")
}

#[test]
fn opens_what_it_sealed_in_the_same_place_only() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path(), Some(ENV)).unwrap();
    let sealed = vault.seal("connection/1", b"ghp_secret").unwrap();
    assert_eq!(vault.unseal("connection/1", &sealed).unwrap().as_slice(), b"ghp_secret");
    assert_eq!(sealed.len(), 10 + 49);
    assert!(!sealed.windows(10).any(|window| window == b"ghp_secret"));
    assert!(matches!(vault.unseal("connection/2", &sealed), Err(VaultError::ValueDamaged)));
    assert_ne!(sealed, vault.seal("connection/1", b"ghp_secret").unwrap());
    assert_eq!(vault.unseal("", &vault.seal("", b"").unwrap()).unwrap().as_slice(), b"");
}

#[test]
fn long_values_are_compressed_before_they_are_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path(), Some(ENV)).unwrap();
    for length in [0, 1, 511, 512, 100_000] {
        let plain: Vec<u8> = b"a body that repeats itself; ".iter().copied().cycle().take(length).collect();
        let sealed = vault.seal_long("run/1/0", &plain).unwrap();
        assert_eq!(vault.unseal_long("run/1/0", &sealed).unwrap().as_slice(), plain);
        assert!(length < 512 || sealed.len() < length / 2, "{length} bytes became {}", sealed.len());
        assert!(vault.unseal_long("run/1/1", &sealed).is_err());
    }
    let odd = vault.seal("place", &[COMPRESSED, 255, 255, 255, 255]).unwrap();
    assert!(matches!(vault.unseal_long("place", &odd), Err(VaultError::ValueDamaged)));
    assert!(vault.unseal_long("place", &vault.seal("place", b"").unwrap()).is_err());
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path(), Some(ENV)).unwrap();
    let sealed = vault.seal("place", b"value").unwrap();
    for index in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[index] ^= 1 << bit;
            assert!(vault.unseal("place", &changed).is_err(), "byte {index} bit {bit}");
        }
        assert!(vault.unseal("place", &sealed[..index]).is_err(), "cut at {index}");
    }
}

#[test]
fn a_key_file_is_made_once_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = Vault::open(folder.path(), None).unwrap();
    assert!(first.key_is_new());
    let sealed = first.seal("place", b"value").unwrap();
    let path = folder.path().join("master.key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(code(Vault::open(folder.path(), None)), "vault_key_exposed");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let again = Vault::open(folder.path(), None).unwrap();
    assert!(!again.key_is_new());
    assert_eq!(again.unseal("place", &sealed).unwrap().as_slice(), b"value");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
}

#[test]
fn a_missing_or_wrong_key_is_said_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    drop(Vault::open(folder.path(), None).unwrap());
    assert_eq!(code(Vault::open(folder.path(), Some(OTHER))), "vault_key_wrong");
    let path = folder.path().join("master.key");
    fs::remove_file(&path).unwrap();
    assert_eq!(code(Vault::open(folder.path(), None)), "vault_key_missing");
    assert!(!path.exists());
    assert_eq!(code(Vault::open(folder.path(), Some("short"))), "vault_key_malformed");
    assert_eq!(code(Vault::open(&folder.path().join("nowhere"), None)), "vault_file_unusable");
}

#[test]
fn no_key_is_made_beside_a_store_that_holds_sealed_values() {
    let folder = tempfile::tempdir().unwrap();
    drop(Vault::open_known(folder.path(), None, LostKey::Unheard, None).unwrap());
    for name in ["master.key", "master.check"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert_eq!(code(Vault::open_known(folder.path(), None, LostKey::Needed, None)), "vault_key_missing");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    // A key that is given is taken: whether it opens anything is seen then.
    assert!(Vault::open_known(folder.path(), Some(ENV), LostKey::Needed, None).is_ok());
}

#[test]
fn keys_are_changed_with_both_in_hand() {
    let folder = tempfile::tempdir().unwrap();
    let old = Vault::open(folder.path(), Some(ENV)).unwrap();
    let sealed = old.seal("place", b"value").unwrap();
    let both = Vault::open(folder.path(), Some(&format!("{OTHER},{ENV}"))).unwrap();
    assert_eq!(both.unseal("place", &sealed).unwrap().as_slice(), b"value");
    assert!(both.needs_reseal(&sealed));
    let again = both.seal("place", b"value").unwrap();
    assert!(!both.needs_reseal(&again));
    let new = Vault::open(folder.path(), Some(OTHER)).unwrap();
    assert_eq!(new.unseal("place", &again).unwrap().as_slice(), b"value");
    assert!(matches!(new.unseal("place", &sealed), Err(VaultError::ValueKeyWrong)));
}

#[test]
fn all_that_start_at_once_agree_on_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Vault::open(folder.path(), None).unwrap())).collect();
        threads.into_iter().map(|one| one.join().unwrap()).map(|vault| vault.derive("x")).collect()
    });
    let settled = Vault::open(folder.path(), None).unwrap().derive("x");
    assert!(keys.iter().all(|one| *one == settled));
}

#[test]
fn derived_keys_differ_by_label_and_master_key() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (Vault::open(one.path(), Some(ENV)).unwrap(), Vault::open(two.path(), Some(OTHER)).unwrap());
    assert_eq!(one.derive("a"), one.derive("a"));
    assert_ne!(one.derive("a"), one.derive("b"));
    assert_ne!(one.derive("a"), two.derive("a"));
    assert_ne!(one.lookup("a", "x"), one.lookup("a", "y"));
    assert!(!format!("{one:?}").contains("AAEC"));
}
