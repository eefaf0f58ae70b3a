//! The stores that a service needs in containers: Postgres, Valkey, files in buckets, or one volume with embedded ones.

use proofline_spec::document::{Binding, Pool, Stores as Kept};
use serde_json::{Map, Value, json};

use super::app::required;
use super::{Part, hardened, limits};
use crate::Input;

/// Which stores there are besides the service.
#[derive(Debug, Clone)]
pub(super) struct Stores {
    /// The database in Postgres, and the names of further `sql` bindings; without it the first is a file.
    sql: Option<(String, Vec<String>)>,
    /// How many connections each database has, by its variable.
    pools: Vec<(String, u32)>,
    /// Whether there is Valkey: for key-value stores, queues, limits and the leader.
    kv: bool,
    /// The bucket of the first `blob` binding; all of them are in it, each in a folder of its own.
    bucket: Option<String>,
}

/// Whom the object store knows; what it asks for is the password.
const OBJECTS_USER: &str = "proofline";

/// What a service needs.
pub(super) fn of(input: &Input<'_>) -> Stores {
    let service = input.service;
    if service.container().stores == Kept::Embedded {
        return Stores { sql: None, pools: Vec::new(), kv: false, bucket: None };
    }
    let databases = service.bindings.iter();
    let mut databases =
        databases.filter(|(_, b)| matches!(b, Binding::Sql { .. })).map(|(name, _)| name.clone());
    // Names in Postgres have no hyphens without quotes.
    let name = databases.next().map(|_| service.service.name.replace('-', "_"));
    let is_kv = |binding: &Binding| matches!(binding, Binding::Kv { .. } | Binding::Queue { .. });
    let kv = service.bindings.values().any(is_kv)
        || !service.limits.is_empty()
        || !service.tasks.is_empty();
    let bucket = service.bindings.values().find_map(|binding| match binding {
        Binding::Blob { bucket, .. } => Some(bucket.clone()),
        _ => None,
    });
    let pools = service.bindings.iter().filter_map(|(name, binding)| match binding {
        Binding::Sql { pool, .. } => {
            let size = pool.as_ref().and_then(|pool| pool.size).unwrap_or(Pool::SIZE);
            Some((format!("{name}_POOL"), size))
        }
        _ => None,
    });
    Stores { pools: pools.collect(), sql: name.map(|name| (name, databases.collect())), kv, bucket }
}

impl Stores {
    /// Whether there are any.
    pub(super) const fn are_shared(&self) -> bool {
        self.sql.is_some() || self.kv || self.bucket.is_some()
    }

    /// Whether the service keeps files in a volume of its own.
    pub(super) const fn keeps_files(&self) -> bool {
        self.sql.is_none()
    }

    /// Where the service finds them.
    pub(super) fn variables(&self) -> Map<String, Value> {
        let mut variables = self.databases();
        if self.kv {
            let url = format!("redis://:{}@valkey:6379/0", required("VALKEY_PASSWORD"));
            variables.insert("REDIS_URL".to_owned(), url.into());
        }
        if let Some(bucket) = &self.bucket {
            let url =
                format!("s3://{bucket}?endpoint=http://objects:7070&path_style=true&create=true");
            variables.insert("STORAGE_URL".to_owned(), url.into());
            variables.insert("AWS_ACCESS_KEY_ID".to_owned(), OBJECTS_USER.into());
            let password = required("OBJECTS_PASSWORD");
            variables.insert("AWS_SECRET_ACCESS_KEY".to_owned(), password.into());
        }
        variables
    }

    /// Where the databases are.
    pub(super) fn databases(&self) -> Map<String, Value> {
        let mut variables = Map::new();
        if let Some((name, further)) = &self.sql {
            let password = required("POSTGRES_PASSWORD");
            let url = format!("postgres://{name}:{password}@postgres:5432/{name}?sslmode=disable");
            variables.insert("DATABASE_URL".to_owned(), url.into());
            for binding in further {
                let variable = format!("{binding}_URL");
                variables.insert(variable.clone(), required(&variable).into());
            }
        }
        for (variable, size) in self.pools.iter().filter(|_| self.sql.is_some()) {
            variables.insert(variable.clone(), format!("${{{variable}:-{size}}}").into());
        }
        variables
    }

    /// The secrets that they are opened with, each with what it is for.
    pub(super) fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        let postgres = ("POSTGRES_PASSWORD", "Opens the database of compose.yaml.");
        let valkey = ("VALKEY_PASSWORD", "Opens the key-value store of compose.yaml.");
        let objects = ("OBJECTS_PASSWORD", "Opens the object store of compose.yaml.");
        let mut secrets = Vec::new();
        secrets.extend(self.sql.as_ref().map(|_| postgres));
        secrets.extend(self.kv.then_some(valkey));
        secrets.extend(self.bucket.as_ref().map(|_| objects));
        secrets
    }

    /// What must be healthy before somebody uses them.
    pub(super) fn healthy(&self) -> Map<String, Value> {
        let services = self.services();
        let healthy =
            |part: &Part| (part.name.to_owned(), json!({ "condition": "service_healthy" }));
        services.iter().map(healthy).collect()
    }

    /// Their services.
    pub(super) fn services(&self) -> Vec<Part> {
        let mut services = Vec::new();
        services.extend(self.sql.as_ref().map(|(name, _)| postgres(name)));
        services.extend(self.kv.then(valkey));
        services.extend(self.bucket.as_ref().map(|_| objects()));
        services
    }

    /// Their volumes.
    pub(super) fn volumes(&self) -> Vec<Part> {
        let volume = |name, comment| Part { name, comment, value: json!({}) };
        let mut volumes = Vec::new();
        if self.keeps_files() {
            volumes.push(volume("data", "The database and files of the one instance."));
        }
        if self.sql.is_some() {
            volumes.push(volume("postgres", "The database."));
        }
        if self.kv {
            volumes.push(volume("valkey", "What must survive a restart: limits and messages."));
        }
        if self.bucket.is_some() {
            volumes.push(volume("objects", "Files."));
        }
        volumes
    }
}

fn postgres(name: &str) -> Part {
    let value = json!({
        "image": "postgres:17",
        "environment": {
            "POSTGRES_DB": name,
            "POSTGRES_USER": name,
            "POSTGRES_PASSWORD": required("POSTGRES_PASSWORD"),
            "POSTGRES_INITDB_ARGS": "--encoding=UTF8 --locale=C.UTF-8 --data-checksums",
        },
        "volumes": ["postgres:/var/lib/postgresql/data"],
        "tmpfs": ["/tmp", "/var/run/postgresql"],
        "shm_size": "128mb",
        "networks": ["back"],
        // It begins as root to take over its folder, and goes on as its own user.
        "cap_add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
        "stop_grace_period": "30s",
        "healthcheck": {
            // Over TCP: while the first start prepares the folder, the server only listens on its socket.
            "test": ["CMD", "pg_isready", "--quiet", "--host=127.0.0.1", format!("--username={name}"), format!("--dbname={name}")],
            "interval": "5s",
            "timeout": "3s",
            "retries": 12,
            "start_period": "30s",
        },
        "deploy": limits("${POSTGRES_MEMORY:-512m}", "${POSTGRES_CPUS:-1}"),
    });
    Part {
        name: "postgres",
        comment: "The database. Its password is set when its volume is made, and only then.",
        value: hardened(value),
    }
}

fn valkey() -> Part {
    let value = json!({
        "image": "valkey/valkey:8",
        "command": [
            "valkey-server", "--appendonly", "yes", "--save", "",
            // Below what its container has: what may go makes room before the engine ends it.
            "--maxmemory", "${VALKEY_MAXMEMORY:-192mb}", "--maxmemory-policy", "volatile-lru",
            "--requirepass", required("VALKEY_PASSWORD"),
        ],
        "environment": { "REDISCLI_AUTH": required("VALKEY_PASSWORD") },
        "volumes": ["valkey:/data"],
        "networks": ["back"],
        "cap_add": ["CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID"],
        "stop_grace_period": "15s",
        "healthcheck": {
            "test": ["CMD", "valkey-cli", "ping"],
            "interval": "5s",
            "timeout": "3s",
            "retries": 12,
            "start_period": "10s",
        },
        "deploy": limits("${VALKEY_MEMORY:-256m}", "${VALKEY_CPUS:-0.5}"),
    });
    Part {
        name: "valkey",
        comment: "Caches, messages, limits that instances share, and who of them leads.",
        value: hardened(value),
    }
}

/// Any store that speaks S3 will do: the service makes its bucket itself.
fn objects() -> Part {
    let value = json!({
        "image": "versity/versitygw:v1.8.0",
        "command": ["posix", "/data"],
        "environment": {
            "ROOT_ACCESS_KEY": OBJECTS_USER,
            "ROOT_SECRET_KEY": required("OBJECTS_PASSWORD"),
            "VGW_PORT": ":7070",
            "VGW_HEALTH": "/health",
        },
        "volumes": ["objects:/data"],
        "tmpfs": ["/tmp:mode=1777"],
        "networks": ["back"],
        "stop_grace_period": "15s",
        "healthcheck": {
            "test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:7070/health"],
            "interval": "5s",
            "timeout": "3s",
            "retries": 12,
            "start_period": "10s",
        },
        "deploy": limits("${OBJECTS_MEMORY:-256m}", "${OBJECTS_CPUS:-1}"),
    });
    Part {
        name: "objects",
        comment: "Files, over the S3 protocol; in its volume each of them is a file again.",
        value: hardened(value),
    }
}
