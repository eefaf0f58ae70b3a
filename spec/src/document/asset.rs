//! Static files that the service gives browsers: made when the service is generated, and kept by whoever has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Map, RouteKey, Schema, SchemaType, Service};

/// A static file. Its address holds the beginning of its SHA-256 in the place of the path's only parameter, so that it
/// may be kept for a year and never be asked for again (`immutable`, RFC 8246); every other value of the parameter
/// leads to that address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Asset {
    /// A script that measures how pages feel to those who use them, and reports it.
    WebVitals(WebVitals),
}

impl Asset {
    /// How many hexadecimal digits of a file's SHA-256 stand in its address.
    pub const DIGITS: usize = 16;

    /// Its media type (RFC 9239 for scripts).
    pub const fn media_type(&self) -> &'static str {
        match self {
            Self::WebVitals(_) => "text/javascript; charset=utf-8",
        }
    }
}

/// A script that measures the Web Vitals of the page that loads it, once for each page, and sends them when the page is
/// hidden, as <https://web.dev/articles/vitals> says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebVitals {
    /// The route that takes the measurements, such as `POST /api/metrics/batch`: its body is one measurement, or an
    /// object whose only member is a list of them.
    pub report_to: String,
    /// What each member of a measurement is; without it they are called `name`, `value` and `path`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<VitalField>,
}

/// What a member of a measurement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VitalField {
    /// What was measured: one of [`WebVitals::METRICS`]. Those that the schema's `enum` lacks are not measured.
    Name,
    /// Milliseconds; a score without a unit for `CLS`.
    Value,
    /// The path of the page's address, without as many of its last segments as the schema does not take.
    Path,
}

impl VitalField {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Name, Self::Value, Self::Path];

    /// The word in documents, and the member's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Value => "value",
            Self::Path => "path",
        }
    }
}

/// What a script of Web Vitals sends, as the spec declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct VitalsReport<'a> {
    /// Where it is sent to.
    pub route: RouteKey,
    /// The member of the body that is the list of measurements, and how many it takes; `None` when the body is one.
    pub list: Option<(&'a str, u64)>,
    /// One measurement.
    pub item: &'a Schema,
    /// The members that it has, each with what it is and its own schema.
    pub members: Vec<(&'a str, VitalField, &'a Schema)>,
}

impl WebVitals {
    /// What can be measured, as web.dev calls it.
    pub const METRICS: [&'static str; 5] = ["CLS", "FCP", "INP", "LCP", "TTFB"];
    /// How many measurements go together when the schema sets no bound.
    const MANY: u64 = 100;

    /// What is sent; what keeps it from being sent, as a sentence.
    pub fn report<'a>(&self, service: &'a Service) -> Result<VitalsReport<'a>, String> {
        let of = &self.report_to;
        let route: RouteKey = of.parse()?;
        let found =
            service.routes.get(&route).ok_or_else(|| format!("there is no route `{of}`"))?;
        let body = found.body.as_deref().and_then(|name| service.schemas.get(name));
        let body = body.and_then(|schema| resolve(service, schema));
        let body = body.ok_or_else(|| format!("`{of}` takes no body"))?;
        let only = body.properties.first().filter(|_| body.properties.len() == 1);
        let list = only.and_then(|(name, schema)| {
            let schema = resolve(service, schema)?;
            let is_list = schema.main_type() == Some(SchemaType::Array);
            let items = resolve(service, schema.items.as_deref().filter(|_| is_list)?)?;
            Some((name.as_str(), schema.max_items.unwrap_or(Self::MANY), items))
        });
        let item = list.map_or(body, |(_, _, items)| items);
        Ok(VitalsReport {
            route,
            list: list.map(|(name, most, _)| (name, most)),
            item,
            members: self.members(service, item)?,
        })
    }

    fn members<'a>(
        &self,
        service: &'a Service,
        item: &'a Schema,
    ) -> Result<Vec<(&'a str, VitalField, &'a Schema)>, String> {
        let mut members = Vec::new();
        for (name, schema) in &item.properties {
            let usual = VitalField::ALL.into_iter().find(|field| field.name() == name);
            let field = if self.fields.is_empty() { usual } else { self.fields.get(name).copied() };
            match (field, resolve(service, schema)) {
                (Some(field), Some(schema)) => members.push((name.as_str(), field, schema)),
                (None, _) if !item.requires(name) => {}
                _ => return Err(format!("nothing says what the member `{name}` is")),
            }
        }
        if let Some(name) = self.fields.keys().find(|name| !item.properties.contains_key(*name)) {
            return Err(format!("a measurement has no member `{name}`"));
        }
        for (field, kinds) in [
            (VitalField::Name, &[SchemaType::String][..]),
            (VitalField::Value, &[SchemaType::Number][..]),
        ] {
            let fits = |(_, found, schema): &(&str, VitalField, &Schema)| {
                *found == field && schema.main_type().is_some_and(|kind| kinds.contains(&kind))
            };
            if members.iter().filter(|member| member.1 == field).count() != 1
                || !members.iter().any(fits)
            {
                let kind = if field == VitalField::Name { "text" } else { "number" };
                return Err(format!(
                    "a measurement needs one member that is its {}, a {kind}",
                    field.name()
                ));
            }
        }
        Ok(members)
    }
}

impl VitalsReport<'_> {
    /// The metrics that the schema takes.
    pub fn metrics(&self) -> Vec<&'static str> {
        let named = self.members.iter().find(|(_, field, _)| *field == VitalField::Name);
        let variants = named.and_then(|(_, _, schema)| schema.variants.as_ref());
        let takes = |metric: &&str| {
            variants.is_none_or(|variants| variants.iter().any(|variant| variant == metric))
        };
        WebVitals::METRICS.into_iter().filter(takes).collect()
    }
}

/// A schema behind its references.
fn resolve<'a>(service: &'a Service, schema: &'a Schema) -> Option<&'a Schema> {
    let mut schema = schema;
    for _ in 0..=service.schemas.len() {
        match schema.referenced() {
            Some(name) => schema = service.schemas.get(name)?,
            None => return Some(schema),
        }
    }
    None
}
