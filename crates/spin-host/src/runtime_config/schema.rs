//! The tables and keys that Spin knows.

use super::RuntimeConfigError;
use super::reader::Table;

/// The keys of each type of a table with a `type`.
pub(super) type Kinds = [(&'static str, &'static [&'static str])];

pub(super) const TOP: [&str; 15] = [
    "state_dir",
    "log_dir",
    "max_instance_memory",
    "key_value_store",
    "sqlite_database",
    "variables_provider",
    "config_provider",
    "llm_compute",
    "outbound_http",
    "outbound_networking",
    "outbound_redis",
    "outbound_pg",
    "outbound_mysql",
    "outbound_mqtt",
    "client_tls",
];

pub(super) const KEY_VALUE: [(&str, &[&str]); 4] = [
    ("spin", &["path"]),
    ("redis", &["url"]),
    ("azure_cosmos", &["key", "account", "database", "container"]),
    ("aws_dynamo", &["region", "table", "access_key", "secret_key", "token", "consistent_read"]),
];

pub(super) const SQLITE: [(&str, &[&str]); 2] =
    [("spin", &["path", "allow_attach_file"]), ("libsql", &["url", "token"])];

pub(super) const VARIABLES: [(&str, &[&str]); 4] = [
    ("static", &["values"]),
    ("env", &["prefix", "dotenv_path"]),
    ("vault", &["url", "token", "mount", "prefix"]),
    ("azure_key_vault", &["vault_url", "client_id", "client_secret", "tenant_id", "authority_host"]),
];

const LLM: [(&str, &[&str]); 2] = [("spin", &[]), ("remote_http", &["url", "auth_token", "api_type"])];

/// Limits and switches of clients; they are checked for mistakes.
const CLIENTS: [(&str, &[&str]); 5] = [
    ("outbound_http", &["connection_pooling", "max_connections", "max_concurrent_requests"]),
    ("outbound_redis", &["max_connections"]),
    ("outbound_pg", &["max_connections"]),
    ("outbound_mysql", &["max_connections"]),
    ("outbound_mqtt", &["max_connections", "max_payload_size_bytes"]),
];

const NETWORKING: [&str; 3] = ["block_networks", "max_socket_connections", "max_total_connections"];

const CLIENT_TLS: [&str; 7] = [
    "component_ids",
    "hosts",
    "ca_use_platform_roots",
    "ca_use_webpki_roots",
    "ca_roots_file",
    "client_cert_file",
    "client_private_key_file",
];

/// Checks the tables that have no effect in this host yet. What would silently weaken security is refused.
pub(super) fn check_rest(root: &Table<'_>) -> Result<(), RuntimeConfigError> {
    for (name, keys) in CLIENTS {
        if let Some(table) = root.table(name)? {
            table.keys_within(keys)?;
        }
    }
    if let Some(llm) = root.table("llm_compute")? {
        llm.kind(&LLM)?;
    }
    if let Some(networking) = root.table("outbound_networking")? {
        networking.keys_within(&NETWORKING)?;
        if networking.has("block_networks") {
            return Err(super::not_offered(
                "`block_networks`".to_owned(),
                "use a NetworkPolicy, or narrow allowed_outbound_hosts",
            ));
        }
    }
    if let Some(tls) = root.list("client_tls")?.first() {
        tls.keys_within(&CLIENT_TLS)?;
        return Err(super::not_offered("`client_tls`".to_owned(), "remove it"));
    }
    Ok(())
}
