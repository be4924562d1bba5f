#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, sync::Mutex};

use super::*;
use crate::{
    artifact::{Artifact, ArtifactOptions},
    layout::Layout,
    locked::{ContentRef, LockedApp, LockedComponent},
};

mod fake;

use fake::FakeRegistry;

fn artifact(dir: &Path) -> Artifact {
    let wasm = dir.join("a.wasm");
    fs::write(&wasm, vec![7; 300_000]).unwrap();
    let mut app = LockedApp::default();
    app.metadata.name = "x".to_owned();
    app.components.push(LockedComponent { id: "a".to_owned(), ..Default::default() });
    app.components[0].source.content = ContentRef::file(&wasm);
    Artifact::build(&app, &ArtifactOptions::default()).unwrap()
}

fn client(registry: &FakeRegistry, name: &str) -> Registry {
    Registry::new(&format!("{}/{name}", registry.address), Credentials::Anonymous, false).unwrap()
}

fn quiet(_: PushEvent<'_>) {}

#[tokio::test]
async fn a_push_can_be_pulled_and_a_second_one_sends_only_the_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeRegistry::start().await;
    let artifact = artifact(dir.path());
    let registry = client(&fake, "team/hello:v1");
    let events = Mutex::new(Vec::new());
    let pushed = registry.push(&artifact, &|event| events.lock().unwrap().push(format!("{event:?}"))).await.unwrap();
    assert_eq!(pushed.digest, artifact.digest);
    assert_eq!(pushed.pinned, format!("{}/team/hello@{}", fake.address, artifact.digest));
    assert_eq!((pushed.uploaded, pushed.skipped), (artifact.size(), 0));
    assert_eq!(events.into_inner().unwrap().len(), artifact.blobs().count());

    let again = registry.push(&artifact, &quiet).await.unwrap();
    assert_eq!((again.uploaded, again.skipped), (artifact.manifest.len() as u64, artifact.size() - again.uploaded));

    let layout = Layout::create(&dir.path().join("layout")).unwrap();
    let remote = registry.pull(&layout).await.unwrap();
    assert_eq!((remote.digest, remote.app), (artifact.digest.clone(), Some(artifact.app.clone())));
    let app = layout.open(&artifact.digest, dir.path()).unwrap();
    assert_eq!(fs::read(app.components[0].source.content.file_path().unwrap()).unwrap(), vec![7; 300_000]);
}

/// What a failed call says, without the port.
fn text(error: &RegistryError, fake: &FakeRegistry) -> String {
    error.to_string().replace(&fake.address, "HOST")
}

#[tokio::test]
async fn each_failure_is_one_sentence_with_its_cure() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeRegistry::start().await;
    let artifact = artifact(dir.path());

    let missing = client(&fake, "none:v1").inspect().await.unwrap_err();
    insta::assert_snapshot!(text(&missing, &fake), @"HOST/none:v1: the registry has no such image; push it first, or check the name and tag");

    let denied = client(&fake, "secret/x:v1").push(&artifact, &quiet).await.unwrap_err();
    insta::assert_snapshot!(text(&denied, &fake), @"HOST/secret/x:v1: the registry wants other credentials (401 Unauthorized); log in with `docker login` or `spin registry login`, as a user who may do this");

    fake.put_manifest("image:v1", r#"{"schemaVersion":2,"config":{"mediaType":"m","digest":"d","size":1},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1}]}"#);
    let image = client(&fake, "image:v1").inspect().await.unwrap_err();
    insta::assert_snapshot!(text(&image, &fake), @"HOST/image:v1: it is a container image, not a Spin app; push the app with `spinkube-dev push` or `spin registry push`, or run the image with an ordinary Deployment");

    fs::write(dir.path().join("a.wasm"), vec![8; 300_000]).unwrap();
    let changed = client(&fake, "changed:v1").push(&artifact, &quiet).await.unwrap_err();
    insta::assert_snapshot!(text(&changed, &fake), @"HOST/changed:v1: a file changed while it was pushed; push again");
    fs::write(dir.path().join("a.wasm"), vec![7; 30]).unwrap();
    let shorter = client(&fake, "changed:v1").push(&artifact, &quiet).await.unwrap_err();
    assert!(matches!(shorter.kind, RegistryErrorKind::Changed));
    fs::remove_file(dir.path().join("a.wasm")).unwrap();
    let gone = client(&fake, "changed:v1").push(&artifact, &quiet).await.unwrap_err();
    assert!(matches!(gone.kind, RegistryErrorKind::File { .. }));
}

#[tokio::test]
async fn a_registry_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    // Bound and dropped: nobody listens on it.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let registry = Registry::new(&format!("{address}/x"), Credentials::Anonymous, false).unwrap();
    let error = registry.push(&artifact(dir.path()), &quiet).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{address}/x: the registry can't be reached (Connection refused (os error 111)); start it (`spinkube-dev up` starts the local one) or check the name and port"
        )
    );
    let error = Registry::new("Not A Reference", Credentials::Anonymous, false).err().unwrap();
    assert!(matches!(error.kind, RegistryErrorKind::Reference(_)));
}

#[tokio::test]
async fn a_registry_that_sends_other_bytes_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeRegistry::start().await;
    let artifact = artifact(dir.path());
    let registry = client(&fake, "hello:v1");
    registry.push(&artifact, &quiet).await.unwrap();
    fake.replace_blob(&artifact.layers[0].digest, vec![9; 300_000]);
    let layout = Layout::create(&dir.path().join("layout")).unwrap();
    assert!(matches!(registry.pull(&layout).await.unwrap_err().kind, RegistryErrorKind::Changed));
    fake.replace_blob(&artifact.layers[0].digest, vec![7; 300_001]);
    registry.pull(&layout).await.unwrap_err();
    assert!(!layout.blob(&artifact.layers[0].digest).exists());
}

#[test]
fn loopback_is_plain_and_the_rest_is_not() {
    for host in ["localhost", "localhost:5001", "127.0.0.1:5000", "127.8.8.8", "[::1]:5000", "registry.localhost:80"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["example.com", "10.0.0.1:5000", "localhost.example.com", "128.0.0.1", "[::2]:5000"] {
        assert!(!is_loopback(host), "{host}");
    }
}
