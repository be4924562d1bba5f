//! Images that hold one static program and nothing else, made here byte for byte.
//!
//! The same archive (`docker save`'s form) goes into the engine by `/images/load` and into a node's containerd
//! by `ctr images import`.

use std::io;

use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::{Docker, DockerError, refused};

/// One static program as an image `FROM scratch`.
#[derive(Debug, Clone)]
pub struct StaticImage<'a> {
    /// Name without tag; the tag is taken from the content.
    pub name: &'a str,
    /// The program's path inside; also the entrypoint.
    pub entrypoint: &'a str,
    /// Arguments when none are given.
    pub command: &'a [&'a str],
    /// `uid:gid` to run as.
    pub user: &'a str,
    /// Files by absolute path with their permission bits, the program among them.
    pub files: &'a [(&'a str, &'a [u8], u32)],
}

/// An image's archive and the reference that it gets.
#[derive(Debug, Clone)]
pub struct Built {
    /// `name:tag`, where the tag is the first 12 hex digits of the content's SHA-256.
    pub reference: String,
    /// The archive.
    pub archive: Vec<u8>,
}

impl StaticImage<'_> {
    /// Makes the archive. Equal content gives equal bytes.
    pub fn build(&self) -> Result<Built, DockerError> {
        self.archive()
            .map_err(|source| DockerError::Archive { action: format!("make the image {}", self.name), source })
    }

    fn archive(&self) -> io::Result<Built> {
        let mut layer = tar::Builder::new(Vec::new());
        for (path, bytes, mode) in self.files {
            append(&mut layer, path.trim_start_matches('/'), bytes, *mode)?;
        }
        let layer = layer.into_inner()?;
        let layer_digest = hex::encode(Sha256::digest(&layer));
        let config = serde_json::json!({
            "architecture": oci_architecture(),
            "os": "linux",
            "config": { "Entrypoint": [self.entrypoint], "Cmd": self.command, "User": self.user },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_digest}")] },
        })
        .to_string();
        let config_digest = hex::encode(Sha256::digest(&config));
        let reference = format!("{}:{}", self.name, &config_digest[..12]);
        let layer_path = format!("{layer_digest}/layer.tar");
        let manifest = serde_json::json!([{
            "Config": format!("{config_digest}.json"), "RepoTags": [&reference], "Layers": [&layer_path],
        }])
        .to_string();
        let mut archive = tar::Builder::new(Vec::with_capacity(layer.len() + 16 * 1024));
        append(&mut archive, "manifest.json", manifest.as_bytes(), 0o644)?;
        append(&mut archive, &format!("{config_digest}.json"), config.as_bytes(), 0o644)?;
        append(&mut archive, &layer_path, &layer, 0o644)?;
        Ok(Built { reference, archive: archive.into_inner()? })
    }
}

impl Docker {
    /// Loads an image unless the engine has it.
    pub async fn ensure_image(&self, image: Built) -> Result<String, DockerError> {
        if self.has_image(&image.reference).await? {
            return Ok(image.reference);
        }
        let action = format!("load the image {}", image.reference);
        let chunks = stream::iter([Ok::<_, io::Error>(image.archive.into())]);
        let options = bollard::query_parameters::ImportImageOptionsBuilder::default().quiet(true).build();
        let loaded = self.api().import_image_stream(options, chunks, None).boxed();
        loaded.try_for_each(|_| async { Ok(()) }).await.map_err(refused(action))?;
        Ok(image.reference)
    }
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, path, bytes)
}

/// This machine's architecture in the words of the OCI image specification.
fn oci_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn equal_content_gives_an_equal_reference() {
        let image = |bytes: &'static [u8]| {
            StaticImage {
                name: "spinkube-dev/x",
                entrypoint: "/x",
                command: &[],
                user: "0:0",
                files: &[("/x", bytes, 0o755)],
            }
            .build()
            .unwrap()
        };
        assert_eq!(image(b"a").archive, image(b"a").archive);
        assert_ne!(image(b"a").reference, image(b"b").reference);
    }
}
