//! Native code is compiled in a short-lived child of this same binary: the shim's memory stays small,
//! the work is outside the pod's CPU and memory limits, and a compiler that is led astray by hostile
//! code takes nothing with it.
//!
//! The child reads WebAssembly on standard input, writes native code on standard output, and says on
//! standard error in one sentence why it can't.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Signal, set_parent_process_death_signal};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::reaper::Children;

/// The face of the binary that compiles.
pub(crate) const COMPILE: &str = "compile";
/// The face that prints the engine's compatibility key.
pub(crate) const ENGINE_KEY: &str = "engine-key";

/// A component is at most this long, far above any language runtime.
const WASM_LIMIT: u64 = 512 << 20;
/// What the child may say.
const MESSAGE_LIMIT: u64 = 16 << 10;

/// Why there is no native code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The compiler's own sentence.
    #[error("{0}")]
    Refused(String),
    /// It ended without a word: killed, or out of memory.
    #[error("the compiler ended without an answer ({0}); is the node out of memory?")]
    Died(std::process::ExitStatus),
    /// The operating system refused.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's own words.
        source: std::io::Error,
    },
}

/// Native code in memory, ready to be stored.
pub(crate) struct Compiled {
    /// The bytes, read from their beginning.
    pub(crate) file: File,
    /// How many.
    pub(crate) size: u64,
    /// `sha256:...`
    pub(crate) digest: String,
}

fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { doing, source }
}

/// Compiles in a child, which dies with this future.
pub(crate) async fn compile(children: &Children, wasm: File) -> Result<Compiled, Error> {
    let output = memfd_create("native", MemfdFlags::CLOEXEC).map_err(|e| io("make room for native code")(e.into()))?;
    let mut output = File::from(output);
    let sink = output.try_clone().map_err(io("make room for native code"))?;
    run(children, COMPILE, wasm.into(), sink.into()).await?;
    tokio::task::spawn_blocking(move || {
        let mut hasher = Sha256::new();
        output.rewind().and_then(|()| std::io::copy(&mut output, &mut hasher)).map_err(io("read native code"))?;
        output.rewind().map_err(io("read native code"))?;
        let size = output.metadata().map_err(io("read native code"))?.len();
        Ok(Compiled { file: output, size, digest: format!("sha256:{}", hex::encode(hasher.finalize())) })
    })
    .await
    .map_err(|e| io("read native code")(std::io::Error::other(e)))?
}

/// The key of native code that this binary makes on this machine. Making an engine takes memory and
/// milliseconds, so a child does it once a boot, and the answer is kept in a file.
pub(crate) async fn engine_key(children: &Children, directory: &Path) -> Result<String, Error> {
    let doing = "find the compatibility key of native code";
    let binary = std::fs::metadata("/proc/self/exe").map_err(io(doing))?;
    let name = format!("engine-key-{}-{}-{}.{}", binary.dev(), binary.ino(), binary.mtime(), binary.mtime_nsec());
    let path = directory.join(name);
    if let Ok(key) = tokio::fs::read_to_string(&path).await {
        return Ok(key);
    }
    let output = memfd_create("key", MemfdFlags::CLOEXEC).map_err(|e| io(doing)(e.into()))?;
    let mut output = File::from(output);
    run(children, ENGINE_KEY, Stdio::null(), output.try_clone().map_err(io(doing))?.into()).await?;
    let mut key = String::new();
    output.rewind().and_then(|()| output.read_to_string(&mut key)).map_err(io(doing))?;
    // Two pods may write at once: both write the same, and a rename is whole.
    let mut temporary = tempfile::NamedTempFile::new_in(directory).map_err(io(doing))?;
    temporary.write_all(key.as_bytes()).map_err(io(doing))?;
    temporary.persist(&path).map_err(|e| io(doing)(e.error))?;
    Ok(key)
}

async fn run(children: &Children, face: &str, input: Stdio, output: Stdio) -> Result<(), Error> {
    let _helper = children.helper();
    let mut child = Command::new("/proc/self/exe")
        .arg(face)
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(io("run the compiler"))?;
    let mut message = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(MESSAGE_LIMIT).read_to_end(&mut message).await.map_err(io("hear from the compiler"))?;
    }
    let status = child.wait().await.map_err(io("wait for the compiler"))?;
    let message = String::from_utf8_lossy(&message).trim().to_owned();
    match (status.success(), message.is_empty()) {
        (true, _) => Ok(()),
        (false, false) => Err(Error::Refused(message)),
        (false, true) => Err(Error::Died(status)),
    }
}

/// The child that compiles.
pub(crate) fn compile_main() -> ExitCode {
    child_main(|| {
        let mut wasm = Vec::new();
        std::io::stdin()
            .take(WASM_LIMIT + 1)
            .read_to_end(&mut wasm)
            .map_err(|e| format!("its bytes can't be read: {e}"))?;
        if wasm.len() as u64 > WASM_LIMIT {
            return Err(format!("it is longer than {} MiB", WASM_LIMIT >> 20));
        }
        spin_host::native::compile(&wasm).map_err(|e| e.to_string())
    })
}

/// The child that names the engine.
pub(crate) fn engine_key_main() -> ExitCode {
    child_main(|| Ok(spin_host::engine::compatibility_key().into_bytes()))
}

fn child_main(work: impl FnOnce() -> Result<Vec<u8>, String>) -> ExitCode {
    let outcome =
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| e.to_string()).and_then(|()| work()).and_then(
            |bytes| std::io::stdout().write_all(&bytes).map_err(|e| format!("native code can't be written: {e}")),
        );
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nobody is left to tell when this fails too; the exit code still says it.
            let _ = std::io::stderr().write_all(message.as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// The file on which pods that first start the same code at once take turns.
pub(crate) fn lock_path(directory: &Path, digest: &str) -> PathBuf {
    directory.join(format!("compile-{}.lock", digest.trim_start_matches("sha256:")))
}
