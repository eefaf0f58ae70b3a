//! Static files: what browsers get, and `deploy/assets.json`, by which pages know their addresses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_spec::document::{Asset, Operation, RouteKey, VitalField, VitalsReport};
use proofline_spec::evidence::Digest;
use serde_json::{Map, Value, json};
use tera::{Context, Tera};

use crate::tree::{MARK, Owner, Tree};
use crate::view::names;
use crate::{Input, emit};

/// The template of each kind of file.
const WEB_VITALS: &str = include_str!("../../templates/assets/web-vitals.js.tera");

/// A static file.
pub(super) struct Made<'a> {
    /// Name of the constant that holds it.
    pub(super) name: String,
    /// Its name, the last part of its address.
    pub(super) file: String,
    /// The route that gives it.
    pub(super) key: &'a RouteKey,
    /// The path's parameter that its digest stands in the place of.
    pub(super) parameter: &'a str,
    /// Its media type.
    pub(super) media_type: &'static str,
    /// What it holds.
    pub(super) content: String,
}

impl Made<'_> {
    /// What stands in its address.
    pub(super) fn digest(&self) -> String {
        let mut digest = Digest::of(self.content.as_bytes()).to_string();
        digest.truncate(Asset::DIGITS);
        digest
    }

    /// Where it is.
    fn path(&self) -> String {
        self.key.path.replace(&format!("{{{}}}", self.parameter), &self.digest())
    }
}

/// Every static file of a service, in the order of its routes.
pub(super) fn made<'a>(input: &Input<'a>) -> Result<Vec<Made<'a>>, emit::BoxError> {
    let assets = input.service.routes.iter().filter_map(|(key, route)| match &route.op {
        Operation::Asset(asset) => Some((key, asset)),
        _ => None,
    });
    assets
        .map(|(key, asset)| {
            let Asset::WebVitals(vitals) = asset;
            Ok(Made {
                name: names::screaming(&names::operation(key)),
                file: key.path.rsplit('/').next().unwrap_or_default().to_owned(),
                parameter: key.parameters().next().unwrap_or_default(),
                key,
                media_type: asset.media_type(),
                content: script(input, &vitals.report(input.service)?)?,
            })
        })
        .collect()
}

/// The script, with what it has to know.
fn script(input: &Input<'_>, report: &VitalsReport<'_>) -> Result<String, emit::BoxError> {
    let mut tera = Tera::new();
    tera.add_raw_template("web-vitals.js", WEB_VITALS)?;
    let mut view = Context::new();
    // Without the spec's digest: pages need not fetch it anew because something else of the spec changed.
    view.insert("banner", &format!("{MARK} from {}. Do not edit.", input.spec_path()));
    view.insert("config", &config(report).to_string());
    Ok(tera.render("web-vitals.js", &view)?)
}

/// What the script is told: where to, and what the schema takes.
fn config(report: &VitalsReport<'_>) -> Value {
    let mut members = Map::new();
    let mut config = json!({
        "to": report.route.path,
        "most": report.list.map_or(1, |(_, most)| most),
        "metrics": report.metrics(),
    });
    if let Some((list, _)) = report.list {
        config["list"] = json!(list);
    }
    for (name, field, schema) in &report.members {
        members.insert(field.name().to_owned(), json!(name));
        match field {
            VitalField::Name => {}
            VitalField::Value => {
                let bounds = [
                    ("minimum", &schema.minimum),
                    ("maximum", &schema.maximum),
                    ("above", &schema.exclusive_minimum),
                    ("below", &schema.exclusive_maximum),
                ];
                let given = bounds.into_iter().filter_map(|(key, bound)| {
                    Some((key.to_owned(), Value::Number(bound.clone()?)))
                });
                config["bounds"] = Value::Object(given.collect());
            }
            VitalField::Path => {
                config["path"] = json!({
                    "required": report.item.requires(name),
                    "least": schema.min_length.unwrap_or(0),
                    // Addresses are no longer than this in any browser.
                    "most": schema.max_length.unwrap_or(2_000_000),
                });
                if let Some(pattern) = &schema.pattern {
                    config["path"]["pattern"] = json!(pattern);
                }
            }
        }
    }
    config["members"] = Value::Object(members);
    config
}

/// `deploy/assets.json`: the address of each file, and its digest for `integrity` (Subresource Integrity).
pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let files = made(input)?;
    if files.is_empty() {
        return Ok(());
    }
    let told = |file: &Made<'_>| {
        let digest = STANDARD.encode(Digest::of(file.content.as_bytes()).as_bytes());
        (file.file.clone(), json!({"path": file.path(), "integrity": format!("sha256-{digest}")}))
    };
    let text = emit::pretty_json(&json!({
        "$comment": emit::banner(input),
        "assets": files.iter().map(told).collect::<Map<_, _>>(),
    }))?;
    tree.add(format!("{}/deploy/assets.json", input.crate_folder()), Owner::Generator, text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proofline_spec::document::{Service, WebVitals};

    use super::*;

    const SCHEMAS: &str = r##"{
      "Vital": {"type": "object", "required": ["metric", "measured", "page"], "properties": {
        "metric": {"enum": ["LCP", "CLS", "OTHER"]},
        "measured": {"type": "number", "minimum": 0, "exclusiveMaximum": 9000},
        "page": {"type": "string", "pattern": "^/[a-z]*$", "maxLength": 20},
        "comment": {"type": "string"}}},
      "Vitals": {"type": "object", "properties": {
        "vitals": {"type": "array", "maxItems": 3, "items": {"$ref": "#/schemas/Vital"}}}}
    }"##;

    fn config_of(body: &str) -> Value {
        let service: Service = serde_json::from_value(json!({
            "proofline": "v1",
            "service": {"name": "a", "version": "1.0.0", "summary": "a"},
            "targets": [],
            "schemas": serde_json::from_str::<Value>(SCHEMAS).unwrap(),
            "routes": {"POST /vitals": {"auth": "none", "body": body, "op": {"custom": "take"}}},
        }))
        .unwrap();
        let vitals: WebVitals = serde_json::from_value(json!({
            "report_to": "POST /vitals",
            "fields": {"metric": "name", "measured": "value", "page": "path"},
        }))
        .unwrap();
        config(&vitals.report(&service).unwrap())
    }

    #[test]
    fn the_script_is_told_what_the_schema_takes() {
        let of_list = config_of("Vitals");
        assert_eq!(
            of_list,
            json!({
                "to": "/vitals", "list": "vitals", "most": 3, "metrics": ["CLS", "LCP"],
                "members": {"name": "metric", "value": "measured", "path": "page"},
                "bounds": {"minimum": 0, "below": 9000},
                "path": {"required": true, "least": 0, "most": 20, "pattern": "^/[a-z]*$"},
            })
        );
        let of_one = config_of("Vital");
        assert_eq!((&of_one["list"], &of_one["most"]), (&Value::Null, &json!(1)));
    }
}
