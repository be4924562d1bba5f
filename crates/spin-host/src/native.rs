//! From wasm bytes to native code, and from native code to a component.
//!
//! **Trust rule.** Native code runs with all rights of the process, so it is loaded only when
//! [`compile`] made it, under the same [`crate::engine::compatibility_key`], and the file was out of
//! reach of images and guests since. Bytes that merely look like native code are refused, wherever they
//! come from. The only `unsafe` call of this crate is in [`load`], and it rests on this rule.

mod componentize;

use std::path::{Path, PathBuf};

use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::{self, EngineError};

pub use componentize::ComponentizeError;

/// First bytes of every WebAssembly binary.
const WASM_MAGIC: &[u8] = b"\0asm";
/// First bytes of wasmtime's native code, and of every other Linux program.
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// Wasm bytes could not be turned into native code.
#[derive(Debug, Error)]
pub enum CompileError {
    /// Somebody ships native code where wasm belongs.
    #[error(
        "it is native code, not WebAssembly, and code is only trusted when this program compiled it; build and push the app's .wasm file"
    )]
    Precompiled,
    /// Neither a module nor a component.
    #[error(
        "it is not WebAssembly (a .wasm file starts with `\\0asm`); check the component's `source` and push the app again"
    )]
    NotWasm,
    /// A core module that can't become a component.
    #[error(transparent)]
    Componentize(#[from] ComponentizeError),
    /// The bytes are damaged or use features this engine does not offer.
    #[error("it is not valid WebAssembly for this host: {0:#}; rebuild it with a current SDK")]
    Invalid(wasmtime::Error),
    /// No engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Native code could not be loaded.
#[derive(Debug, Error)]
#[error("native code in {} can't be loaded: {source:#}; remove it from the cache so that it is compiled anew", path.display())]
pub struct NativeError {
    path: PathBuf,
    source: wasmtime::Error,
}

/// The code of one component.
#[derive(Debug)]
pub enum ComponentCode {
    /// Made earlier by [`compile`].
    Native(NativeCode),
    /// A core module or a component, compiled now.
    Wasm(Vec<u8>),
}

/// A file of native code which the caller vouches for.
#[derive(Debug)]
pub struct NativeCode(PathBuf);

impl NativeCode {
    /// Vouches that the file at `path` (`/proc/self/fd/<n>` for a descriptor) holds exactly what
    /// [`compile`] returned under this process's [`crate::engine::compatibility_key`], that nobody
    /// but us could write to it since, and that nobody will while the host runs: it is mapped, not
    /// read. Never call it because bytes *look* precompiled.
    pub fn made_by_us(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Compiles a component, or a core module that it first turns into one. The same bytes give the same
/// code under the same [`crate::engine::compatibility_key`]. Uses all cores; takes from 0.1 s (a small
/// Rust guest) to many seconds (a language runtime).
pub fn compile(wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
    let component = to_component(wasm)?;
    engine::compiler()?.precompile_component(&component).map_err(CompileError::Invalid)
}

/// Loads code into the host's engine.
pub(crate) fn load(engine: &Engine, code: ComponentCode) -> Result<Component, LoadCodeError> {
    match code {
        ComponentCode::Wasm(wasm) => {
            let component = to_component(&wasm)?;
            Ok(Component::from_binary(engine, &component).map_err(CompileError::Invalid)?)
        }
        ComponentCode::Native(NativeCode(path)) => {
            // SAFETY: by the contract of `NativeCode::made_by_us` the file holds what `compile` made for
            // this engine configuration (wasmtime checks version and configuration again) and doesn't
            // change while it is mapped.
            #[allow(unsafe_code)]
            let component = unsafe { Component::deserialize_file(engine, &path) };
            Ok(component.map_err(|source| NativeError { path, source })?)
        }
    }
}

/// Why [`load`] failed.
#[derive(Debug, Error)]
pub enum LoadCodeError {
    /// From wasm.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// From native code.
    #[error(transparent)]
    Native(#[from] NativeError),
}

fn to_component(wasm: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, CompileError> {
    if wasm.starts_with(ELF_MAGIC) {
        return Err(CompileError::Precompiled);
    }
    if !wasm.starts_with(WASM_MAGIC) {
        return Err(CompileError::NotWasm);
    }
    Ok(componentize::componentize(wasm)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EMPTY_COMPONENT: &str = "(component)";

    #[test]
    fn compiles_the_same_bytes_to_the_same_code_and_loads_it() {
        let wasm = wat::parse_str(EMPTY_COMPONENT).unwrap();
        let code = compile(&wasm).unwrap();
        assert_eq!(code, compile(&wasm).unwrap());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &code).unwrap();
        let engine = engine::new(&engine::Config::host(&[].into(), None).unwrap()).unwrap();
        load(&engine, ComponentCode::Native(NativeCode::made_by_us(file.path()))).unwrap();
    }

    #[test]
    fn native_code_of_others_is_refused() {
        let wasm = wat::parse_str(EMPTY_COMPONENT).unwrap();
        let code = compile(&wasm).unwrap();
        assert!(matches!(compile(&code), Err(CompileError::Precompiled)));
        let engine = engine::new(&engine::Config::compiler()).unwrap();
        let error = load(&engine, ComponentCode::Wasm(code)).unwrap_err();
        assert!(matches!(error, LoadCodeError::Compile(CompileError::Precompiled)));
    }

    #[test]
    fn text_and_rubbish_are_refused() {
        assert!(matches!(compile(EMPTY_COMPONENT.as_bytes()), Err(CompileError::NotWasm)));
        assert!(matches!(compile(b""), Err(CompileError::NotWasm)));
        assert!(matches!(compile(b"\0asm\x0d\0\x01\0rubbish"), Err(CompileError::Invalid(_))));
    }
}
