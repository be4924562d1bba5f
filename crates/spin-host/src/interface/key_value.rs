//! `fermyon:spin/key-value@2.0.0`.

use wasmtime::component::{HasSelf, Linker, Resource};

use super::bindings::fermyon::spin::key_value::{self, Error, Host, HostStore};
use crate::app::State;
use crate::key_value::{Store, StoreError};

type Result<T> = std::result::Result<T, Error>;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    key_value::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Other(error.to_string())
    }
}

impl State {
    fn store(&self, store: &Resource<Store>) -> wasmtime::Result<Store> {
        Ok(self.table.get(store)?.clone())
    }
}

impl Host for State {}

impl HostStore for State {
    async fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Store>>> {
        if !self.component.key_value_stores.contains(&label) {
            return Ok(Err(Error::AccessDenied));
        }
        let Some(store) = self.component.services.stores.get(&label) else {
            return Ok(Err(Error::NoSuchStore));
        };
        match store.open().await {
            Ok(()) => Ok(Ok(self.table.push(store)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn get(&mut self, store: Resource<Store>, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>>> {
        Ok(self.store(&store)?.get(key).await.map_err(Error::from))
    }

    async fn set(&mut self, store: Resource<Store>, key: String, value: Vec<u8>) -> wasmtime::Result<Result<()>> {
        Ok(self.store(&store)?.set(key, value).await.map_err(Error::from))
    }

    async fn delete(&mut self, store: Resource<Store>, key: String) -> wasmtime::Result<Result<()>> {
        Ok(self.store(&store)?.delete(key).await.map_err(Error::from))
    }

    async fn exists(&mut self, store: Resource<Store>, key: String) -> wasmtime::Result<Result<bool>> {
        Ok(self.store(&store)?.exists(key).await.map_err(Error::from))
    }

    async fn get_keys(&mut self, store: Resource<Store>) -> wasmtime::Result<Result<Vec<String>>> {
        Ok(self.store(&store)?.keys().await.map_err(Error::from))
    }

    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}
