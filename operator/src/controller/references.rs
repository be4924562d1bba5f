//! Gets the Secrets and `ConfigMaps` that a runtime config takes values from, live: they are not cached.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use spinkube_api::contract::is_object_name;
use spinkube_api::runtime_config::{References, RuntimeConfig};

use super::error::Error;

/// The referenced values. An object that isn't there is an error; a key that isn't there is an empty value.
pub(super) async fn fetch(client: &Client, namespace: &str, config: &RuntimeConfig) -> Result<References, Error> {
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let secrets = References::secret_names(config).into_iter().map(|name| {
        let secrets = secrets.clone();
        async move {
            let missing = || Error::MissingReference { resource: "secrets", name: name.to_owned() };
            let secret = get(&secrets, name).await?.ok_or_else(missing)?;
            let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
            Ok::<_, Error>((name.to_owned(), data.collect::<BTreeMap<_, _>>()))
        }
    });
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let config_maps = References::config_map_names(config).into_iter().map(|name| {
        let config_maps = config_maps.clone();
        async move {
            let missing = || Error::MissingReference { resource: "configmaps", name: name.to_owned() };
            let map = get(&config_maps, name).await?.ok_or_else(missing)?;
            Ok::<_, Error>((name.to_owned(), map.data.unwrap_or_default()))
        }
    });
    let (secrets, config_maps) = futures::try_join!(try_join_all(secrets), try_join_all(config_maps))?;
    Ok(References { secrets: secrets.into_iter().collect(), config_maps: config_maps.into_iter().collect() })
}

async fn get<K>(api: &Api<K>, name: &str) -> Result<Option<K>, Error>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    if is_object_name(name) { Ok(api.get_opt(name).await?) } else { Ok(None) }
}
