//! Where the bytes of a component or file are.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The media type of a component's source.
pub const WASM_CONTENT_TYPE: &str = "application/wasm";

/// Bytes: by file URL, in place, or by digest. At least one is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRef {
    /// `file://` URL on the machine that locked the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The bytes themselves (base64 in JSON): used for content of at most 128 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "encode", deserialize_with = "decode")]
    pub inline: Option<Vec<u8>>,
    /// `sha256:<64 hex>` of the bytes: a layer of the artifact, or a file in one of its archives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl ContentRef {
    /// A file on this machine; the path must be absolute.
    pub fn file(path: &Path) -> Self {
        Self { source: url::Url::from_file_path(path).ok().map(String::from), ..Self::default() }
    }

    /// The file on this machine, if it is one.
    pub fn file_path(&self) -> Option<PathBuf> {
        url::Url::parse(self.source.as_deref()?).ok()?.to_file_path().ok()
    }
}

/// The code of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedComponentSource {
    /// `application/wasm`.
    pub content_type: String,
    /// The bytes.
    #[serde(flatten)]
    pub content: ContentRef,
}

impl Default for LockedComponentSource {
    fn default() -> Self {
        Self { content_type: WASM_CONTENT_TYPE.to_owned(), content: ContentRef::default() }
    }
}

/// Bytes at a path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentPath {
    /// The bytes, or a directory on the machine that locked the app (then `path` is where it is mounted).
    #[serde(flatten)]
    pub content: ContentRef,
    /// In an artifact: relative, `/` between names, no `..`. Untrusted: check before writing.
    pub path: String,
}

#[allow(clippy::ref_option)] // the signature is serde's
fn encode<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.as_ref().map(|b| STANDARD.encode(b)).serialize(serializer)
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|t| STANDARD.decode(t).map_err(serde::de::Error::custom)).transpose()
}
