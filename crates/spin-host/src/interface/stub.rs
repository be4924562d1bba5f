//! Stand-ins for interfaces that are known by name only: they link, and trap when they are called.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

use crate::app::State;

/// Any resource of an interface that isn't offered.
struct Stub;

/// Adds an instance with all that `component` expects of `name`.
///
/// An interface that is offered must not be stubbed in part: the exact version in its name would hide the offered one.
pub(super) fn stub(linker: &mut Linker<State>, component: &Component, name: &str) -> Result<()> {
    let engine = linker.engine().clone();
    let component = component.component_type();
    let Some(item) = component.get_import(&engine, name) else { return Ok(()) };
    let ComponentItem::ComponentInstance(instance) = item.ty else { return Ok(()) };
    let mut stubs = linker.instance(name)?;
    for (export, item) in instance.exports(&engine) {
        let called = format!("`{name}#{export}`, which this host doesn't offer yet");
        match item.ty {
            // Only a concurrent function can stand for an `async func`.
            ComponentItem::ComponentFunc(function) if function.async_() => {
                stubs.func_new_concurrent(export, move |_, _, _, _| {
                    let called = called.clone();
                    Box::pin(async move { bail!("the guest called {called}") })
                })?;
            }
            ComponentItem::ComponentFunc(_) => {
                stubs.func_new(export, move |_, _, _, _| bail!("the guest called {called}"))?;
            }
            ComponentItem::Resource(_) => stubs.resource(export, host_type(export), |_, _| Ok(()))?,
            _ => {}
        }
    }
    Ok(())
}

/// Interfaces pass on resources of `wasi:io` under their own names; those must stay the same type.
fn host_type(resource: &str) -> ResourceType {
    match resource {
        "pollable" => ResourceType::host::<DynPollable>(),
        "input-stream" => ResourceType::host::<DynInputStream>(),
        "output-stream" => ResourceType::host::<DynOutputStream>(),
        _ => ResourceType::host::<Stub>(),
    }
}
