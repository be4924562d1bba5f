//! Native code is compiled in a short-lived child (`helper`): the shim's memory stays small, the work is
//! outside the pod's CPU and memory limits, and a compiler that is led astray by hostile code takes
//! nothing with it.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};
use sha2::{Digest as _, Sha256};

use crate::helper::{self, Error};
use crate::reaper::Children;

/// The face of the binary that compiles.
pub(crate) const COMPILE: &str = "compile";
/// The face that prints the engine's compatibility key.
pub(crate) const ENGINE_KEY: &str = "engine-key";

/// A component is at most this long, far above any language runtime.
const WASM_LIMIT: u64 = 512 << 20;

/// Native code in memory, ready to be stored.
pub(crate) struct Compiled {
    /// The bytes, read from their beginning.
    pub(crate) file: File,
    /// How many.
    pub(crate) size: u64,
    /// `sha256:...`
    pub(crate) digest: String,
}

/// Compiles in a child.
pub(crate) async fn compile(children: &Children, wasm: File) -> Result<Compiled, Error> {
    let doing = "take in native code";
    let mut output = File::from(memfd_create("native", MemfdFlags::CLOEXEC).map_err(|e| Error::io(doing)(e.into()))?);
    let sink = output.try_clone().map_err(Error::io(doing))?;
    helper::run(children, COMPILE, None, wasm.into(), sink.into()).await?;
    tokio::task::spawn_blocking(move || {
        let mut hasher = Sha256::new();
        output.rewind()?;
        let size = std::io::copy(&mut output, &mut hasher)?;
        output.rewind()?;
        Ok(Compiled { file: output, size, digest: format!("sha256:{}", hex::encode(hasher.finalize())) })
    })
    .await
    .map_err(std::io::Error::other)
    .flatten()
    .map_err(Error::io(doing))
}

/// The key of native code that this binary makes on this machine. Making an engine takes memory and
/// milliseconds, so a child does it once a boot, and the answer is kept in a file.
pub(crate) async fn engine_key(children: &Children, directory: &Path) -> Result<String, Error> {
    let doing = "find the compatibility key of native code";
    let binary = std::fs::metadata("/proc/self/exe").map_err(Error::io(doing))?;
    let name = format!("engine-key-{}-{}-{}.{}", binary.dev(), binary.ino(), binary.mtime(), binary.mtime_nsec());
    let path = directory.join(name);
    if let Ok(key) = tokio::fs::read_to_string(&path).await {
        return Ok(key);
    }
    let mut output = File::from(memfd_create("key", MemfdFlags::CLOEXEC).map_err(|e| Error::io(doing)(e.into()))?);
    let sink = output.try_clone().map_err(Error::io(doing))?;
    helper::run(children, ENGINE_KEY, None, Stdio::null(), sink.into()).await?;
    let mut key = String::new();
    output.rewind().and_then(|()| output.read_to_string(&mut key)).map_err(Error::io(doing))?;
    // Two pods may write at once: both write the same, and a rename is whole.
    let mut temporary = tempfile::NamedTempFile::new_in(directory).map_err(Error::io(doing))?;
    temporary.write_all(key.as_bytes()).map_err(Error::io(doing))?;
    temporary.persist(&path).map_err(|e| Error::io(doing)(e.error))?;
    Ok(key)
}

/// The child that compiles.
pub(crate) fn compile_main() -> ExitCode {
    helper::child_main(|| {
        let mut wasm = Vec::new();
        let read = std::io::stdin().take(WASM_LIMIT + 1).read_to_end(&mut wasm);
        read.map_err(|e| format!("its bytes can't be read: {e}"))?;
        if wasm.len() as u64 > WASM_LIMIT {
            return Err(format!("it is longer than {} MiB", WASM_LIMIT >> 20));
        }
        spin_host::native::compile(&wasm).map_err(|e| e.to_string())
    })
}

/// The child that names the engine.
pub(crate) fn engine_key_main() -> ExitCode {
    helper::child_main(|| Ok(spin_host::engine::compatibility_key().into_bytes()))
}

/// The file on which pods that first start the same code at once take turns.
pub(crate) fn lock_path(directory: &Path, digest: &str) -> PathBuf {
    directory.join(format!("compile-{}.lock", digest.trim_start_matches("sha256:")))
}
