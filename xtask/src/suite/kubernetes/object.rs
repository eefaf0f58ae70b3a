//! An object of Kubernetes, as far as the rules look into it.

use anyhow::Result;
use serde_json::Value;

/// An object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    /// All of it.
    pub(super) value: Value,
}

/// The objects of a text with several documents.
pub(super) fn read(text: &str) -> Result<Vec<Object>> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line == "---" {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    let full = documents.iter().filter(|document| !document.trim().is_empty());
    full.map(|document| Ok(Object { value: serde_saphyr::from_str(document)? })).collect()
}

impl Object {
    pub(super) fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// For messages.
    pub(super) fn shown(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// The template of its pods, if it makes any.
    pub(super) fn template(&self) -> Option<&Value> {
        self.value["spec"].get("template")
    }

    /// Every container of its pods.
    pub(super) fn containers(&self) -> Vec<&Value> {
        let spec = self.template().map(|template| &template["spec"]);
        let lists = spec.into_iter().flat_map(|spec| {
            ["initContainers", "containers"].into_iter().filter_map(|key| spec[key].as_array())
        });
        lists.flatten().collect()
    }

    /// Names of the ports of its pods.
    pub(super) fn ports(&self) -> Vec<&str> {
        let ports =
            self.containers().into_iter().filter_map(|container| container["ports"].as_array());
        ports.flatten().filter_map(|port| port["name"].as_str()).collect()
    }
}

/// Whether every label of a selector is among these; a selector without labels takes everything, so nothing fits.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let Some(wanted) = selector.as_object().filter(|wanted| !wanted.is_empty()) else {
        return false;
    };
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// A quantity such as `250m`, `128Mi` or `2` as a number.
pub(super) fn quantity(value: &Value) -> Option<f64> {
    let text = value.as_str()?;
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let factor = match &text[end..] {
        "" => 1.0,
        "m" => 0.001,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(number * factor)
}
