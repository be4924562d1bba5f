#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, io::Read};

use super::*;
use crate::{
    artifact::{Artifact, ArtifactOptions, digest_of},
    locked::{ContentRef, LockedApp, LockedComponent},
};

fn artifact(dir: &std::path::Path) -> Artifact {
    let wasm = dir.join("a.wasm");
    std::fs::write(&wasm, [7; 500]).unwrap();
    let mut app = LockedApp::default();
    app.components.push(LockedComponent { id: "a".to_owned(), ..Default::default() });
    app.components[0].source.content = ContentRef::file(&wasm);
    Artifact::build(&app, &ArtifactOptions::default()).unwrap()
}

#[test]
fn a_tar_holds_every_blob_under_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let artifact = artifact(dir.path());
    let mut bytes = Vec::new();
    write_tar(&artifact, "localhost:5001/hello:v1", &mut bytes).unwrap();
    let mut contents = BTreeMap::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if let Some(hex) = path.strip_prefix("blobs/sha256/") {
            assert_eq!(digest_of(&content), format!("sha256:{hex}"));
        }
        contents.insert(path, content);
    }
    assert_eq!(contents.len(), 2 + 1 + artifact.blobs().count());
    let index: serde_json::Value = serde_json::from_slice(&contents["index.json"]).unwrap();
    insta::assert_json_snapshot!(index["manifests"][0]["annotations"], @r#"
    {
      "io.containerd.image.name": "localhost:5001/hello:v1",
      "org.opencontainers.image.ref.name": "v1"
    }
    "#);
    assert_eq!(index["manifests"][0]["digest"], artifact.digest);
}

#[test]
fn a_file_that_changes_its_length_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let artifact = artifact(dir.path());
    std::fs::write(dir.path().join("a.wasm"), [7; 400]).unwrap();
    let error = write_tar(&artifact, "x", std::io::sink()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

#[test]
fn a_content_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let artifact = artifact(dir.path());
    let layout = Layout::create(dir.path()).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&artifact.manifest).unwrap();
    manifest["layers"].as_array_mut().unwrap().remove(0);
    let manifest = manifest.to_string().into_bytes();
    layout.put(&digest_of(&manifest), &manifest).unwrap();
    let app = artifact.app.to_json();
    layout.put(&digest_of(&app), &app).unwrap();
    let error = layout.open(&digest_of(&manifest), dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("component a names sha256:"), "{error}");
}
