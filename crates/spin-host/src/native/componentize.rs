//! Core modules (wasm32-wasip1) become components: which adapter fits is told by what the module's
//! toolchain left in it. Contract: research on Spin's componentize, restated in docs/compatibility.md.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;
use wasi_preview1_component_adapter_provider as adapters;
use wasmparser::{Encoding, ExternalKind, KnownCustom, Parser, Payload};
use wit_component::ComponentEncoder;

/// Preview 1's module name, by which adapters are attached.
const PREVIEW1: &str = adapters::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;

/// A core module can't be turned into a component.
#[derive(Debug, Error)]
pub enum ComponentizeError {
    /// The bytes end early or are malformed.
    #[error("it is not valid WebAssembly: {0}; rebuild it")]
    Malformed(#[from] wasmparser::BinaryReaderError),
    /// Built by an SDK whose ABI this host doesn't speak.
    #[error(
        "it is a core module of an SDK that is too old ({found}); rebuild it with an SDK that uses wit-bindgen 0.5 or newer, or one that makes components (wasm32-wasip2)"
    )]
    OldBindgen {
        /// What was found in the module.
        found: String,
    },
    /// Linked against a C library whose allocator corrupts memory under the adapter.
    #[error(
        "it was built with clang {0}, whose C library corrupts memory here; rebuild it with wasi-sdk 19 (clang 15.0.7) or newer"
    )]
    OldClang(String),
    /// The encoder refused the module.
    #[error("this core module can't become a component: {0}; rebuild it with a current SDK")]
    Encode(String),
}

/// What tells toolchains apart.
#[derive(Default)]
struct Module<'a> {
    /// Has a `component-type` section, which is where bindgen describes the world.
    world: bool,
    bindgen: Option<Bindgen<'a>>,
    clang: Option<&'a str>,
    start: bool,
    realloc: bool,
    foreign_imports: Vec<&'a str>,
}

struct Bindgen<'a> {
    name: &'a str,
    version: &'a str,
}

impl fmt::Display for Bindgen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Returns components as they are.
pub(super) fn componentize(wasm: &[u8]) -> Result<Cow<'_, [u8]>, ComponentizeError> {
    let Some(module) = inspect(wasm)? else {
        return Ok(Cow::Borrowed(wasm));
    };
    let adapter = adapter(&module)?;
    let encode = || ComponentEncoder::default().validate(true).module(wasm)?.adapter(PREVIEW1, adapter)?.encode();
    encode().map(Cow::Owned).map_err(|error| ComponentizeError::Encode(format!("{error:#}")))
}

fn adapter(module: &Module<'_>) -> Result<&'static [u8], ComponentizeError> {
    let modern = module.bindgen.as_ref().is_some_and(|b| is_modern(b.version));
    if modern || (module.world && module.bindgen.is_none()) {
        return Ok(adapters::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER);
    }
    if module.start && !module.world && module.bindgen.is_none() && !module.realloc {
        if let Some(version) = module.clang.filter(|v| is_bad_clang(v)) {
            return Err(ComponentizeError::OldClang(version.to_owned()));
        }
        return Ok(adapters::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER);
    }
    Err(ComponentizeError::OldBindgen { found: found(module) })
}

fn found(module: &Module<'_>) -> String {
    if let Some(bindgen) = &module.bindgen {
        return bindgen.to_string();
    }
    if let Some(import) = module.foreign_imports.first() {
        return format!("no bindgen metadata, and it imports `{import}`");
    }
    "no bindgen metadata".to_owned()
}

/// `None` for components.
fn inspect(wasm: &[u8]) -> Result<Option<Module<'_>>, ComponentizeError> {
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version { encoding: Encoding::Component, .. } => return Ok(None),
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        module.start |= export.name == "_start";
                        module.realloc |= matches!(export.name, "cabi_realloc" | "canonical_abi_realloc");
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    if import.module != PREVIEW1 {
                        module.foreign_imports.push(import.module);
                    }
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Producers(fields) => {
                    for field in fields {
                        let field = field?;
                        if field.name != "processed-by" {
                            continue;
                        }
                        for value in field.values {
                            let value = value?;
                            if value.name.starts_with("wit-bindgen") {
                                module.bindgen = Some(Bindgen { name: value.name, version: value.version });
                            } else if value.name == "clang" {
                                module.clang = Some(value.version);
                            }
                        }
                    }
                }
                _ => module.world |= section.name().starts_with("component-type"),
            },
            _ => {}
        }
    }
    Ok(Some(module))
}

/// wit-bindgen 0.5 began the ABI that `wit-component` reads.
fn is_modern(version: &str) -> bool {
    match leading(version)[..] {
        [0, minor, ..] => minor >= 5,
        _ => false,
    }
}

fn is_bad_clang(version: &str) -> bool {
    let numbers = leading(version);
    !numbers.is_empty() && numbers[..] < [15, 0, 7][..]
}

/// The dotted numbers that a version begins with.
fn leading(version: &str) -> Vec<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    version[..end].split('.').map_while(|n| n.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn core(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    /// Appends a `producers` section with one `processed-by` entry.
    fn processed_by(mut wasm: Vec<u8>, name: &str, version: &str) -> Vec<u8> {
        let string = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let body =
            [string("producers"), vec![1], string("processed-by"), vec![1], string(name), string(version)].concat();
        wasm.push(0);
        wasm.push(u8::try_from(body.len()).unwrap());
        wasm.extend(body);
        wasm
    }

    const COMMAND: &str = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 0))))"#;

    #[test]
    fn components_stay_as_they_are() {
        let wasm = core("(component)");
        assert!(matches!(componentize(&wasm).unwrap(), Cow::Borrowed(_)));
    }

    #[test]
    fn commands_get_the_command_adapter() {
        let component = componentize(&core(COMMAND)).unwrap().into_owned();
        let text = String::from_utf8_lossy(&component);
        assert!(text.contains("wasi:cli/run@0.2"), "exports run");
    }

    #[test]
    fn commands_of_an_old_clang_are_refused() {
        let error = componentize(&processed_by(core(COMMAND), "clang", "14.0.4")).unwrap_err();
        assert!(matches!(error, ComponentizeError::OldClang(_)), "{error}");
        componentize(&processed_by(core(COMMAND), "clang", "15.0.7")).unwrap();
    }

    #[test]
    fn old_sdks_are_named() {
        let old = core(
            r#"(module (func (export "handle-http-request")) (func (export "canonical_abi_realloc"))
            (func (export "_start")))"#,
        );
        insta::assert_snapshot!(
            componentize(&processed_by(old.clone(), "wit-bindgen-rust", "0.2.0")).unwrap_err(),
            @"it is a core module of an SDK that is too old (wit-bindgen-rust 0.2.0); rebuild it with an SDK that uses wit-bindgen 0.5 or newer, or one that makes components (wasm32-wasip2)"
        );
        insta::assert_snapshot!(componentize(&old).unwrap_err(), @"it is a core module of an SDK that is too old (no bindgen metadata); rebuild it with an SDK that uses wit-bindgen 0.5 or newer, or one that makes components (wasm32-wasip2)");
    }

    #[test]
    fn versions() {
        assert!(is_modern("0.5.0") && is_modern("0.16.0") && is_modern("0.57.1"));
        assert!(!is_modern("0.4.0") && !is_modern("0.3") && !is_modern("1.0.0") && !is_modern("x"));
        assert!(
            is_bad_clang("14.0.4")
                && is_bad_clang("15.0.6")
                && !is_bad_clang("15.0.7-wasi-sdk")
                && !is_bad_clang("unknown")
        );
    }
}
