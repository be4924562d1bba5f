//! The HTTP trigger.
//!
//! Contract: Spin's routing, headers and answers (restated in docs/compatibility.md). A request takes the
//! path [`server`] → [`HttpTrigger::respond`] → a handler; calls between components of the app enter at
//! the second step.

mod body;
mod config;
mod guest;
mod handler;
mod handler_p2;
mod handler_p3;
mod headers;
mod internal;
mod routes;
pub(crate) mod server;
mod static_response;
mod well_known;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use ::http::{Request, Response, StatusCode};
use spin_app::locked::LockedApp;
use thiserror::Error;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::WasiBody;

use crate::app::{Component, State};
use handler::Handler;
use routes::Routes;
use static_response::StaticResponse;
use well_known::WellKnown;

use config::ConfigError;
use handler::HandlerError;

/// Trigger type in locked apps.
pub(crate) const TYPE: &str = "http";

/// An HTTP trigger that can't be served.
#[derive(Debug, Error)]
pub enum HttpTriggerError {
    /// Its configuration is wrong.
    #[error("HTTP trigger `{id}` {source}")]
    Config {
        /// The trigger.
        id: String,
        /// Why.
        source: ConfigError,
    },
    /// `base` in the application-wide table.
    #[error("[application.trigger.http] has base `{0}`, and only `/` is supported; put it in front of each route")]
    Base(String),
    /// Its component doesn't answer HTTP.
    #[error("component `{component}` can't answer HTTP: {source}")]
    Handler {
        /// The component.
        component: String,
        /// Why.
        source: HandlerError,
    },
}

/// The routes of an application and what answers them.
pub(crate) struct HttpTrigger {
    routes: Routes<Destination>,
    /// By component id: what routes, and calls between components, lead to.
    handlers: HashMap<String, Arc<Handler>>,
    well_known: WellKnown,
    banner: Vec<(String, String, Option<String>)>,
    address: OnceLock<SocketAddr>,
}

/// What answers on a route.
enum Destination {
    Component(Arc<Handler>),
    Static(StaticResponse),
}

impl HttpTrigger {
    /// `components` are all components that HTTP triggers name, by id.
    pub(crate) fn new(
        app: &LockedApp,
        components: &HashMap<String, (Arc<Component>, InstancePre<State>)>,
    ) -> Result<Self, HttpTriggerError> {
        let wide = app.metadata.trigger_wide(TYPE).and_then(|table| table.get("base")?.as_str());
        if let Some(base) = wide.filter(|base| *base != "/") {
            return Err(HttpTriggerError::Base(base.to_owned()));
        }
        let mut handlers = HashMap::new();
        let mut routes = Routes::new();
        let mut names = HashMap::new();
        for trigger in app.triggers_of(TYPE) {
            let in_trigger = |source| HttpTriggerError::Config { id: trigger.id.clone(), source };
            let config = config::parse(&trigger.trigger_config).map_err(in_trigger)?;
            let (destination, name) = match config.answer {
                config::Answer::Static(response) => (Destination::Static(response), trigger.id.clone()),
                config::Answer::Component(id) => {
                    let (component, pre) =
                        components.get(&id).ok_or_else(|| in_trigger(ConfigError::NoComponent(id.clone())))?;
                    let handler = match handlers.get(&id) {
                        Some(handler) => Arc::clone(handler),
                        None => Arc::new(
                            Handler::new(component, pre)
                                .map_err(|source| HttpTriggerError::Handler { component: id.clone(), source })?,
                        ),
                    };
                    handlers.insert(id.clone(), Arc::clone(&handler));
                    (Destination::Component(handler), id)
                }
            };
            let Some(route) = config.route else { continue };
            if well_known::is_reserved(&route) {
                tracing::error!("route {route} of {name} lies below {} and is never reached", well_known::PREFIX);
            }
            if let Some(replaced) = names.insert(routes::normalize(&route), name.clone()) {
                tracing::error!("route {route} of {replaced} is replaced by the same route of {name}");
            }
            routes.add(&route, destination).map_err(|e| in_trigger(ConfigError::Route(e)))?;
        }
        let banner = routes
            .iter()
            .map(|route| {
                let name = names.get(route.based()).cloned().unwrap_or_default();
                let description = app.component(&name).map(|c| c.metadata.description.clone());
                (name, route.to_string(), description.filter(|d| !d.is_empty()))
            })
            .collect();
        Ok(Self { routes, handlers, well_known: WellKnown::new(&app.metadata), banner, address: OnceLock::new() })
    }

    /// The lines that Spin prints when it serves.
    pub(crate) fn banner(&self, address: SocketAddr) -> String {
        let mut text = format!("Serving http://{address}\nAvailable Routes:\n");
        for (name, route, description) in &self.banner {
            // Writing to a string can't fail.
            let _ = writeln!(text, "  {name}: http://{address}{route}");
            if let Some(description) = description {
                let _ = writeln!(text, "    {description}");
            }
        }
        text
    }

    /// Answers one request.
    pub(crate) async fn respond(&self, mut request: Request<WasiBody>, client: SocketAddr) -> Response<WasiBody> {
        if let Some(answer) = self.well_known.answer(request.uri().path()) {
            return answer;
        }
        headers::strip_internal_host(&mut request);
        let path = request.uri().path().to_owned();
        let Some(matched) = self.routes.find(&path) else {
            return body::empty(StatusCode::NOT_FOUND);
        };
        match matched.destination() {
            Destination::Static(response) => response.answer(),
            Destination::Component(handler) => {
                let Ok(authority) = headers::authority(&request) else {
                    return body::empty(StatusCode::BAD_REQUEST);
                };
                headers::set(&mut request, &authority, &matched, client);
                handler.handle(request).await
            }
        }
    }
}
