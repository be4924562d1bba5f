#![allow(clippy::unwrap_used)]

use std::{fs, io::Write, path::Path};

use proptest::prelude::*;
use tar::{EntryType, Header};

use super::*;

/// A gzipped tar of entries with names that `tar`'s own builder would refuse.
fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        let field = &mut header.as_old_mut().name;
        let bytes = name.as_bytes();
        let end = bytes.len().min(field.len());
        field[..end].copy_from_slice(&bytes[..end]);
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o777);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("../../victim").unwrap();
            header.set_size(0);
        }
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    gzip(&tar.into_inner().unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

const SMALL: Limits = Limits { total_bytes: 64 << 10, entries: 8, path_bytes: 64 };
const FILE: EntryType = EntryType::Regular;

/// Unpacks into a folder beside a victim; nothing but the folder may change.
fn try_unpack(bytes: &[u8], limits: Limits) -> Result<Unpacked, UnpackError> {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("victim"), "v").unwrap();
    let dir = outer.path().join("dir");
    fs::create_dir(&dir).unwrap();
    let result = unpack(bytes, &dir, limits);
    let mut names: Vec<_> = fs::read_dir(outer.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["dir", "victim"]);
    assert_eq!(fs::read(outer.path().join("victim")).unwrap(), b"v");
    assert_no_links(&dir);
    result
}

fn assert_no_links(dir: &Path) {
    for entry in walkdir::WalkDir::new(dir) {
        assert!(!entry.unwrap().path_is_symlink());
    }
}

#[test]
fn files_come_out_by_digest() {
    let bytes = archive(&[
        ("./", EntryType::Directory, b""),
        ("./a/", EntryType::Directory, b""),
        ("./a/b.txt", FILE, b"hello"),
        ("c", FILE, b""),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let unpacked = unpack(&bytes[..], dir.path(), SMALL).unwrap();
    assert_eq!(unpacked.bytes, 5);
    let path = &unpacked.files["sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"];
    assert_eq!(*path, dir.path().join("a/b.txt"));
    assert_eq!(fs::read(path).unwrap(), b"hello");
    assert_eq!(unpacked.files.len(), 2);
}

#[test]
fn nothing_leads_out() {
    for name in ["../victim", "a/../../victim", "/victim", "a/../b"] {
        let error = try_unpack(&archive(&[(name, FILE, b"x")]), SMALL).unwrap_err();
        assert!(matches!(error, UnpackError::Escapes(_)), "{name}: {error}");
    }
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let error = try_unpack(&archive(&[("victim", kind, b""), ("victim/x", FILE, b"x")]), SMALL).unwrap_err();
        assert!(matches!(error, UnpackError::Kind(_)), "{kind:?}: {error}");
    }
}

#[test]
fn a_path_is_written_once() {
    let error = try_unpack(&archive(&[("a", FILE, b"1"), ("./a", FILE, b"2")]), SMALL).unwrap_err();
    assert_eq!(error.to_string(), "an archive of the app has two entries \"./a\"; push the app again");
    // A file where a folder should be.
    let error = try_unpack(&archive(&[("a", FILE, b"1"), ("a/b", FILE, b"2")]), SMALL).unwrap_err();
    assert!(matches!(error, UnpackError::Io(_)), "{error}");
}

#[test]
fn limits_hold_for_what_is_unpacked() {
    let bomb = archive(&[("a", FILE, &vec![0; 1 << 20])]);
    assert!(bomb.len() < 8 << 10, "the bomb is small while packed");
    insta::assert_snapshot!(try_unpack(&bomb, SMALL).unwrap_err(), @"an archive of the app has more than 65536 bytes; push the app with fewer or smaller files");
    let many: Vec<_> = (0..9).map(|n| format!("f{n}")).collect();
    let many: Vec<_> = many.iter().map(|n| (n.as_str(), FILE, &b""[..])).collect();
    insta::assert_snapshot!(try_unpack(&archive(&many), SMALL).unwrap_err(), @"an archive of the app has more than 8 entries; push the app with fewer or smaller files");
    let long = "d/".repeat(40);
    insta::assert_snapshot!(try_unpack(&archive(&[(&long, FILE, b"")]), SMALL).unwrap_err(), @"an archive of the app has more than 64 bytes in a path; push the app with fewer or smaller files");
}

#[test]
fn a_header_that_lies_about_its_size_is_an_error() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_path("a").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    tar.append(&header, &b"short"[..]).unwrap();
    let bytes = gzip(&tar.into_inner().unwrap());
    assert!(try_unpack(&bytes, SMALL).is_err());
    assert!(try_unpack(&bytes[..bytes.len() / 2], SMALL).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_unpacked_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2048), zip in any::<bool>()) {
        let bytes = if zip { gzip(&bytes) } else { bytes };
        let _ = try_unpack(&bytes, SMALL);
    }

    #[test]
    fn any_names_stay_inside(names in prop::collection::vec("[./a-b\0\\\\]{0,30}", 0..6)) {
        let entries: Vec<_> = names.iter().map(|n| (n.as_str(), FILE, &b"x"[..])).collect();
        let _ = try_unpack(&archive(&entries), SMALL);
    }
}
