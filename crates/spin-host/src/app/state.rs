//! What one instance's store holds.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::Component;
use crate::engine;
use crate::limits::Limits;
use crate::outbound::{HttpHooks, allow_sockets};

/// The data of one instance. Everything in it dies with the instance.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    pub(crate) limits: Limits,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: HttpHooks,
    // After everything that writes to its output.
    pub(crate) component: Arc<Component>,
    _ticking: engine::Busy,
    _slot: OwnedSemaphorePermit,
    _alive: TaskTrackerToken,
}

impl State {
    pub(super) fn new(component: &Arc<Component>, slot: OwnedSemaphorePermit) -> wasmtime::Result<Self> {
        let services = &component.services;
        let mut wasi = WasiCtx::builder();
        wasi.stdout(services.stdout.stream()).stderr(services.stderr.stream()).envs(&component.environment);
        if let Some(root) = &component.files {
            wasi.preopened_dir(root, "/", FsPerms::ReadOnly)?;
        }
        allow_sockets(&mut wasi, &component.allowed_hosts);
        Ok(Self {
            component: Arc::clone(component),
            table: ResourceTable::new(),
            limits: services.limits(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: HttpHooks::new(Arc::clone(&component.allowed_hosts), Arc::clone(&services.internal)),
            _ticking: services.ticker.busy(),
            _slot: slot,
            _alive: services.tasks.token(),
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}
