//! What guests may import: one module for each family of interfaces.
//!
//! An interface that this host knows by name but doesn't offer yet still links, and traps when it is
//! called: guests of Python, Go and JavaScript import whole worlds and call a fraction. An interface
//! that nobody here knows is an error at start.

mod key_value;
mod known;
mod stub;
mod variables;

use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::app::State;

/// Generated from `wit/`.
#[allow(missing_docs, clippy::pedantic)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "fermyon:spin/host",
        imports: { default: async | trappable },
        with: { "fermyon:spin/key-value.store": crate::key_value::Store },
    });
}

/// An import can't be satisfied.
#[derive(Debug, Error)]
pub enum LinkError {
    /// Of a family this host doesn't know.
    #[error(
        "it imports `{0}`, which this host doesn't offer; build it for a Spin or WASI world that has no such import, or compose the component that provides it"
    )]
    Unknown(String),
    /// Known by name, with other types.
    #[error("its imports don't fit this host: {0:#}; rebuild it with a current SDK")]
    Mismatch(wasmtime::Error),
    /// The host's own interfaces clash; a defect.
    #[error("the host's interfaces can't be linked: {0:#}; report this")]
    Host(wasmtime::Error),
}

/// A linker with everything this host offers.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<State>, LinkError> {
    let mut linker = Linker::new(engine);
    let link = |linker: &mut Linker<State>| {
        wasmtime_wasi::p2::add_to_linker_async(linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
        wasmtime_wasi::p3::add_to_linker(linker)?;
        wasmtime_wasi_http::p3::add_to_linker(linker)?;
        variables::link(linker)?;
        key_value::link(linker)
    };
    link(&mut linker).map_err(LinkError::Host)?;
    Ok(linker)
}

/// Resolves every import of a component.
pub(crate) fn pre_instantiate(linker: &Linker<State>, component: &Component) -> Result<InstancePre<State>, LinkError> {
    let imports = component.component_type();
    let mut named = Vec::new();
    for (name, _) in imports.imports(linker.engine()) {
        match known::family(name) {
            known::Family::Offered => {}
            known::Family::Named => named.push(name),
            known::Family::Unknown => return Err(LinkError::Unknown(name.to_owned())),
        }
    }
    if named.is_empty() {
        return linker.instantiate_pre(component).map_err(LinkError::Mismatch);
    }
    let mut padded = linker.clone();
    for name in named {
        stub::stub(&mut padded, component, name).map_err(LinkError::Mismatch)?;
    }
    padded.instantiate_pre(component).map_err(LinkError::Mismatch)
}
