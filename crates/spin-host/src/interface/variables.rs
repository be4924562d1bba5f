//! `fermyon:spin/variables@2.0.0`.

use wasmtime::component::{HasSelf, Linker};

use super::bindings::fermyon::spin::variables::{self, Error, Host};
use crate::app::State;
use crate::variables::{VariableError, is_valid_name};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    variables::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl Host for State {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<String, Error>> {
        if !is_valid_name(&name) {
            return Ok(Err(Error::InvalidName(name)));
        }
        let component = &self.component;
        let Some(template) = component.variables.get(&name) else {
            let message = format!("component `{}` has no variable `{name}`", component.id);
            return Ok(Err(Error::Undefined(message)));
        };
        let value = component.services.variables.render(template).await;
        Ok(value.map_err(|error| match error {
            VariableError::Undeclared(_) => Error::Undefined(error.to_string()),
            VariableError::Missing { .. } => Error::Provider(error.to_string()),
        }))
    }
}
