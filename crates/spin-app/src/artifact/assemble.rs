//! From a locked app on this machine to an artifact.

use std::collections::HashSet;

use oci_client::manifest::OciImageManifest;

use super::{
    Artifact, ArtifactError, ArtifactOptions, Blob, Content, INLINE_MAX, LAYERS_MAX, MEDIA_TYPE_APP,
    MEDIA_TYPE_ARCHIVE, MEDIA_TYPE_CONFIG, MEDIA_TYPE_DATA, MEDIA_TYPE_MANIFEST, MEDIA_TYPE_WASM,
    config::{annotations, config},
    digest_of,
};
use crate::{
    archive,
    locked::{ContentRef, LockedApp, LockedComponent},
};

pub(super) fn assemble(local: &LockedApp, options: &ArtifactOptions) -> Result<Artifact, ArtifactError> {
    let mut app = local.clone();
    app.metadata.origin = None;
    let mut layers = Layers { blobs: Vec::new(), digests: HashSet::new() };
    let mut files = Vec::new();
    for component in &mut app.components {
        files.push(contents(component, &mut layers)?);
    }
    let too_many = layers.blobs.len() + distinct(&files, &layers) > LAYERS_MAX;
    for (component, files) in app.components.iter().zip(files) {
        if options.archive_layers || too_many {
            if !files.is_empty() {
                layers.add(pack(component, &files)?);
            }
        } else {
            files.into_iter().filter(|file| file.size > INLINE_MAX).for_each(|file| layers.add(file));
        }
    }
    if layers.blobs.len() > LAYERS_MAX {
        return Err(ArtifactError::TooManyLayers { layers: layers.blobs.len() });
    }
    let locked = Blob::bytes(MEDIA_TYPE_APP, app.to_json());
    let config = Blob::bytes(MEDIA_TYPE_CONFIG, config(&locked.digest));
    layers.add(locked);
    let manifest = OciImageManifest {
        media_type: Some(MEDIA_TYPE_MANIFEST.to_owned()),
        config: config.descriptor(),
        layers: layers.blobs.iter().map(Blob::descriptor).collect(),
        annotations: Some(annotations(&app.metadata, options)),
        ..OciImageManifest::default()
    };
    let manifest = serde_json::to_vec(&manifest).expect("string keys and plain values always serialise");
    Ok(Artifact { app, digest: digest_of(&manifest), manifest: manifest.into(), config, layers: layers.blobs })
}

/// The layers so far; equal content is one layer.
struct Layers {
    blobs: Vec<Blob>,
    digests: HashSet<String>,
}

impl Layers {
    fn add(&mut self, blob: Blob) {
        if self.digests.insert(blob.digest.clone()) {
            self.blobs.push(blob);
        }
    }
}

/// Turns files into digests: adds the wasm's layer and returns the blobs of the component's files, one for each.
fn contents(component: &mut LockedComponent, layers: &mut Layers) -> Result<Vec<Blob>, ArtifactError> {
    let id = component.id.clone();
    let wasm = blob(&id, MEDIA_TYPE_WASM, &component.source.content)?;
    component.source.content = reference(&wasm);
    layers.add(wasm);
    let mut blobs = Vec::new();
    for file in &mut component.files {
        let blob = blob(&id, MEDIA_TYPE_DATA, &file.content)?;
        file.content = reference(&blob);
        blobs.push(blob);
    }
    Ok(blobs)
}

fn blob(component: &str, media_type: &'static str, content: &ContentRef) -> Result<Blob, ArtifactError> {
    let path = content.file_path().ok_or_else(|| ArtifactError::NotLocal { component: component.to_owned() })?;
    Blob::file(media_type, &path)
}

/// Digest, and the bytes as well when they are few.
fn reference(blob: &Blob) -> ContentRef {
    let inline = match blob.content() {
        Content::Bytes(bytes) => Some(bytes.to_vec()),
        Content::File(_) => None,
    };
    ContentRef { digest: Some(blob.digest.clone()), inline, source: None }
}

/// How many layers these files would add.
fn distinct(files: &[Vec<Blob>], layers: &Layers) -> usize {
    let large = files.iter().flatten().filter(|f| f.size > INLINE_MAX).map(|f| &f.digest);
    large.filter(|digest| !layers.digests.contains(*digest)).collect::<HashSet<_>>().len()
}

fn pack(component: &LockedComponent, files: &[Blob]) -> Result<Blob, ArtifactError> {
    let archived = |source| ArtifactError::Archive { component: component.id.clone(), source };
    let temporary = tempfile::NamedTempFile::new().map_err(archived)?;
    let entries = component.files.iter().map(|f| f.path.as_str()).zip(files);
    archive::pack(entries, temporary.as_file()).map_err(archived)?;
    Blob::temporary(MEDIA_TYPE_ARCHIVE, temporary.into_temp_path()).map_err(archived)
}
