//! What can break, and what an environment lets break.

use std::str::FromStr;

use serde::Serialize;

use crate::proxy::Toxic;

/// Something that the environment lets break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ability {
    /// The service breaks itself on demand: bindings, routes, queries.
    Faults,
    /// Its process is killed.
    Kill,
    /// Its process is told to end.
    End,
    /// The server of a store is frozen.
    Freeze(String),
    /// The server of a store is killed.
    KillStore(String),
    /// Connections to a store go through the fault proxy.
    Link(String),
}

impl FromStr for Ability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "faults" => Ok(Self::Faults),
            None if text == "kill" => Ok(Self::Kill),
            None if text == "end" => Ok(Self::End),
            Some(("freeze", store)) => Ok(Self::Freeze(store.to_owned())),
            Some(("kill", store)) => Ok(Self::KillStore(store.to_owned())),
            Some(("link", store)) => Ok(Self::Link(store.to_owned())),
            _ => Err(format!(
                "`{text}` is none of faults, kill, end, freeze:STORE, kill:STORE and link:STORE"
            )),
        }
    }
}

/// Something that breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// The process is killed (`SIGKILL`), and started again.
    Kill,
    /// The process is told to end (`SIGTERM`), and started again.
    End,
    /// The service itself disturbs calls of a binding, a route or a query.
    Service {
        /// What the service is asked for.
        request: serde_json::Value,
    },
    /// The server of a store keeps its connections and answers nothing.
    Freeze {
        /// The store.
        store: String,
    },
    /// The server of a store is killed, and started again with what it had.
    KillStore {
        /// The store.
        store: String,
    },
    /// Connections to a store are disturbed.
    Link {
        /// The store.
        store: String,
        /// How.
        toxic: Toxic,
    },
}

impl Fault {
    /// In a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Kill => "the service is killed".to_owned(),
            Self::End => "the service is told to end".to_owned(),
            Self::Service { request } => {
                let text = |name: &str| request[name].as_str().map(str::to_owned);
                let subject = text("binding").or_else(|| text("route")).or_else(|| text("query"));
                let how = match text("fault").as_deref() {
                    Some("slow") => format!("is late by {} ms", request["delay_ms"]),
                    Some("panic") => "panics".to_owned(),
                    _ => "is cut off".to_owned(),
                };
                format!("{} {how}", subject.unwrap_or_default())
            }
            Self::Freeze { store } => format!("{store} is frozen"),
            Self::KillStore { store } => format!("{store} is killed"),
            Self::Link { store, toxic } => match toxic {
                Toxic::Latency(delay, jitter) => {
                    format!("{store} answers {delay} ms later, give or take {jitter}")
                }
                Toxic::Bandwidth(rate) => format!("{store} gets and sends {rate} bytes a second"),
                Toxic::Reset => format!("connections to {store} are reset"),
                Toxic::BlackHole => format!("nothing reaches {store}"),
                Toxic::HalfClose => format!("connections from {store} are closed on its side"),
            },
        }
    }

    /// Whether a request may stay without an answer because of it.
    pub const fn cuts_clients(&self) -> bool {
        matches!(self, Self::Kill)
    }

    /// Whether a request may stay without an answer where an engine publishes the service's port: it accepts
    /// connections for a container that has ended, and closes them.
    pub const fn cuts_clients_of_an_engine(&self) -> bool {
        matches!(self, Self::Kill | Self::End)
    }

    /// Whether 500 is what the service has to answer to it.
    pub fn may_be_internal(&self) -> bool {
        match self {
            Self::Service { request } => {
                request["fault"] == "panic" || request.get("query").is_some()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abilities_are_read_from_their_names_and_others_are_refused() {
        assert_eq!("kill".parse(), Ok(Ability::Kill));
        assert_eq!("kill:redis".parse(), Ok(Ability::KillStore("redis".to_owned())));
        assert!("unplug".parse::<Ability>().is_err());
    }
}
