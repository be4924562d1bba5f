#![allow(clippy::unwrap_used)]

use std::{fs, io::Read, path::Path};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    layout::Layout,
    locked::{ContentPath, ContentRef, LockedComponent, LockedComponentSource},
};

const WASM: &[u8] = b"\0asm\x01\0\0\0";

/// An app of one component with these files, in `dir`.
fn app(dir: &Path, files: &[(String, Vec<u8>)]) -> LockedApp {
    let content = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, bytes).unwrap();
        ContentRef::file(&path)
    };
    let files = files
        .iter()
        .enumerate()
        .map(|(n, (path, bytes))| ContentPath { path: path.clone(), content: content(&format!("file-{n}"), bytes) });
    let mut app = LockedApp::default();
    app.metadata.name = "x".to_owned();
    app.metadata.origin = Some("file:///somewhere".to_owned());
    app.components.push(LockedComponent {
        id: "a".to_owned(),
        files: files.collect(),
        source: LockedComponentSource { content: content("a.wasm", WASM), ..Default::default() },
        ..Default::default()
    });
    app
}

fn files(files: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect()
}

fn media_types(artifact: &Artifact) -> Vec<&str> {
    artifact.layers.iter().map(|l| l.media_type).collect()
}

fn store(artifact: &Artifact, layout: &Layout) {
    for blob in artifact.blobs() {
        let mut bytes = Vec::new();
        blob.open().unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!((digest_of(&bytes), bytes.len() as u64), (blob.digest.clone(), blob.size));
        layout.put(&blob.digest, &bytes).unwrap();
    }
    layout.put(&artifact.digest, &artifact.manifest).unwrap();
}

/// The contract with Spin, byte for byte: a change here needs a reason and a check against upstream's shim.
#[test]
fn golden_artifact() {
    let dir = tempfile::tempdir().unwrap();
    let large = vec![b'x'; 129];
    let app = app(dir.path(), &files(&[("small.txt", b"hi"), ("large.txt", &large), ("same.txt", &large)]));
    let artifact = Artifact::build(&app, &ArtifactOptions::default()).unwrap();
    let mut config = String::new();
    artifact.config.open().unwrap().read_to_string(&mut config).unwrap();
    insta::assert_snapshot!("golden_manifest", String::from_utf8_lossy(&artifact.manifest));
    insta::assert_snapshot!("golden_config", config);
    insta::assert_snapshot!("golden_app", String::from_utf8(artifact.app.to_json()).unwrap());
    insta::assert_snapshot!("golden_digest", artifact.digest);
}

#[test]
fn equal_content_is_an_equal_digest_whatever_its_place_and_time() {
    let content = files(&[("a", &[1; 300]), ("b", &[2; 10])]);
    let digest = |archive_layers| {
        let dir = tempfile::tempdir().unwrap();
        let options = ArtifactOptions { archive_layers, ..Default::default() };
        Artifact::build(&app(dir.path(), &content), &options).unwrap().digest
    };
    assert_eq!(digest(false), digest(false));
    assert_eq!(digest(true), digest(true));
    assert_ne!(digest(false), digest(true));
}

#[test]
fn content_of_128_bytes_is_inline_and_of_129_a_layer() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), &files(&[("in", &[1; 128]), ("out", &[2; 129]), ("empty", b"")]));
    let artifact = Artifact::build(&app, &ArtifactOptions::default()).unwrap();
    assert_eq!(media_types(&artifact), [MEDIA_TYPE_WASM, MEDIA_TYPE_DATA, MEDIA_TYPE_APP]);
    let content = |n: usize| &artifact.app.components[0].files[n].content;
    assert_eq!(content(0).inline.as_deref(), Some(&[1; 128][..]));
    assert_eq!(content(1).inline, None);
    assert_eq!(content(2).inline.as_deref(), Some(&[][..]));
    assert!((0..3).all(|n| content(n).digest.is_some() && content(n).source.is_none()));
}

#[test]
fn more_than_499_layers_become_an_archive() {
    let many = |n: u16| (0..n).map(|n| (format!("f{n}"), n.to_le_bytes().repeat(100))).collect::<Vec<_>>();
    let dir = tempfile::tempdir().unwrap();
    let artifact = |n| Artifact::build(&app(dir.path(), &many(n)), &ArtifactOptions::default()).unwrap();
    // 498 files, the wasm: 499; and the locked app.
    assert_eq!(artifact(498).layers.len(), 500);
    let archived = artifact(499);
    assert_eq!(media_types(&archived), [MEDIA_TYPE_WASM, MEDIA_TYPE_ARCHIVE, MEDIA_TYPE_APP]);
    assert_eq!(archived.app.components[0].files.len(), 499);
}

#[test]
fn annotations_are_inferred_and_overridden() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = app(dir.path(), &[]);
    app.metadata.version = "1.0".to_owned();
    app.metadata.authors = vec!["A".to_owned(), "B".to_owned()];
    let options = ArtifactOptions {
        created: Some("2026-11-24T10:00:00Z".parse().unwrap()),
        annotations: [("org.opencontainers.image.version".to_owned(), "2.0".to_owned())].into(),
        archive_layers: false,
    };
    let manifest: Value = serde_json::from_slice(&Artifact::build(&app, &options).unwrap().manifest).unwrap();
    insta::assert_json_snapshot!(manifest["annotations"], @r#"
    {
      "org.opencontainers.image.authors": "A, B",
      "org.opencontainers.image.created": "2026-11-24T10:00:00Z",
      "org.opencontainers.image.title": "x",
      "org.opencontainers.image.version": "2.0"
    }
    "#);
}

#[test]
fn what_is_no_app_is_named() {
    let manifest = |layer: &str| {
        serde_json::json!({
            "schemaVersion": 2,
            "config": {"mediaType": MEDIA_TYPE_CONFIG, "digest": digest_of(b""), "size": 0},
            "layers": [{"mediaType": layer, "digest": digest_of(b""), "size": 0}],
        })
        .to_string()
    };
    let reason = |manifest: &str| describe(manifest.as_bytes()).unwrap_err();
    assert_eq!(reason(&manifest("application/vnd.oci.image.layer.v1.tar+gzip")), NotAnApp::Container);
    assert_eq!(reason(&manifest("application/vnd.docker.image.rootfs.diff.tar.gzip")), NotAnApp::Container);
    assert_eq!(reason(&manifest(MEDIA_TYPE_WASM)), NotAnApp::Outdated);
    assert_eq!(reason(&manifest("text/plain")), NotAnApp::NoLayer);
    assert_eq!(reason(r#"{"schemaVersion":2,"manifests":[]}"#), NotAnApp::Index);
    assert!(matches!(reason("hello"), NotAnApp::NoManifest(_)));
    assert!(matches!(reason(&manifest(MEDIA_TYPE_APP).replace("sha256:", "sha256:../")), NotAnApp::NoManifest(_)));
    assert!(matches!(describe(manifest(MEDIA_TYPE_WKG).as_bytes()).unwrap().kind, AppKind::Wkg(_)));
    assert!(matches!(describe(manifest(MEDIA_TYPE_APP).as_bytes()).unwrap().kind, AppKind::Spin(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_app_read_back_is_the_app_that_was_written(
        files in prop::collection::btree_map("[a-z]{1,8}(/[a-z]{1,8}){0,2}/f", prop::collection::vec(any::<u8>(), 0..400), 0..6),
        archive_layers in any::<bool>(),
    ) {
        let files: Vec<_> = files.into_iter().filter(|(path, _)| path.len() < 30).collect();
        let (source, stored, unpacked) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let app = app(source.path(), &files);
        let artifact = Artifact::build(&app, &ArtifactOptions { archive_layers, ..Default::default() }).unwrap();
        let layout = Layout::create(stored.path()).unwrap();
        store(&artifact, &layout);
        let mut opened = layout.open(&artifact.digest, unpacked.path()).unwrap();
        for (file, (path, bytes)) in opened.components[0].files.iter().zip(&files) {
            prop_assert_eq!(&file.path, path);
            prop_assert_eq!(&fs::read(file.content.file_path().unwrap()).unwrap(), bytes);
        }
        prop_assert_eq!(fs::read(opened.components[0].source.content.file_path().unwrap()).unwrap(), WASM);
        // But for where contents are, and the origin, nothing has changed.
        let mut expected = app;
        expected.metadata.origin = None;
        for app in [&mut opened, &mut expected] {
            app.components[0].source.content = ContentRef::default();
            app.components[0].files.iter_mut().for_each(|file| file.content = ContentRef::default());
        }
        prop_assert_eq!(opened, expected);
    }

    #[test]
    fn any_manifest_is_described_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
        let _ = describe(&bytes);
        let _ = describe(text.as_bytes());
    }
}
