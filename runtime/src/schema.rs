//! JSON Schemas as constant tables; `policy::validate` checks values against them.

pub use crate::pattern::Pattern;

use serde_json::Value;

/// A schema.
#[derive(Debug)]
pub struct Schema {
    /// What a value must be.
    pub kind: Kind,
    /// Whether `null` will do as well.
    pub nullable: bool,
}

/// What a value must be.
#[derive(Debug)]
pub enum Kind {
    /// Anything.
    Any,
    /// An object.
    Object(Object),
    /// An array.
    Array(Array),
    /// A text.
    Text(Text),
    /// A whole number.
    Integer(Range<i64>),
    /// A number.
    Number(Range<f64>),
    /// True or false.
    Boolean,
    /// One of these texts.
    Enum(&'static [&'static str]),
    /// Exactly this.
    Const(Constant),
    /// What this says.
    Reference(&'static Schema),
}

/// An object.
#[derive(Debug)]
pub struct Object {
    /// Its members.
    pub properties: &'static [Property],
    /// Whether members that are not declared are let through.
    pub additional: bool,
    /// The least number of members.
    pub min_properties: usize,
    /// The greatest number of members.
    pub max_properties: usize,
}

/// A member of an object.
#[derive(Debug)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Its schema.
    pub schema: Schema,
    /// Whether it must be there.
    pub required: bool,
    /// Its value when it is not there.
    pub default: Option<Constant>,
}

impl Property {
    /// A member that must be there.
    pub const fn required(name: &'static str, schema: Schema) -> Self {
        Self { name, schema, required: true, default: None }
    }

    /// A member that may be there.
    pub const fn optional(name: &'static str, schema: Schema) -> Self {
        Self { name, schema, required: false, default: None }
    }

    /// A member that gets this value when it is not there.
    pub const fn defaulted(name: &'static str, schema: Schema, default: Constant) -> Self {
        Self { name, schema, required: false, default: Some(default) }
    }
}

/// An array.
#[derive(Debug)]
pub struct Array {
    /// Schema of its items.
    pub items: &'static Schema,
    /// The least number of items.
    pub min_items: usize,
    /// The greatest number of items.
    pub max_items: usize,
    /// Whether items must differ from each other.
    pub unique_items: bool,
}

/// A text.
#[derive(Debug)]
pub struct Text {
    /// The least number of characters.
    pub min_length: usize,
    /// The greatest number of characters.
    pub max_length: usize,
    /// What form it has.
    pub format: Option<Format>,
    /// A regular expression that it must match.
    pub pattern: Option<&'static Pattern>,
}

/// Bounds of a number.
#[derive(Debug, Clone, Copy)]
pub struct Range<T> {
    /// The least value.
    pub minimum: Option<T>,
    /// The greatest value.
    pub maximum: Option<T>,
    /// The value must be greater than this.
    pub exclusive_minimum: Option<T>,
    /// The value must be less than this.
    pub exclusive_maximum: Option<T>,
    /// The value must be a multiple of this.
    pub multiple_of: Option<T>,
}

impl<T: Copy> Range<T> {
    /// No bounds: the rest of a range that names only what it has.
    pub const ANY: Self = Self {
        minimum: None,
        maximum: None,
        exclusive_minimum: None,
        exclusive_maximum: None,
        multiple_of: None,
    };
}

/// What form a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An e-mail address.
    Email,
    /// A UUID.
    Uuid,
    /// A time with date and offset (RFC 3339).
    DateTime,
    /// A date (RFC 3339).
    Date,
    /// A time of day with offset (RFC 3339).
    Time,
    /// A URI with a scheme.
    Uri,
    /// A host name.
    Hostname,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
}

impl Format {
    /// As JSON Schema writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uuid => "uuid",
            Self::DateTime => "date-time",
            Self::Date => "date",
            Self::Time => "time",
            Self::Uri => "uri",
            Self::Hostname => "hostname",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// A value that a schema names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Constant {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// Anything else, as JSON text.
    Json(&'static str),
}

impl Constant {
    /// As a JSON value.
    pub fn to_json(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => value.into(),
            Self::Integer(value) => value.into(),
            Self::Number(value) => value.into(),
            Self::Text(value) => value.into(),
            Self::Json(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        }
    }
}

impl Schema {
    const fn of(kind: Kind) -> Self {
        Self { kind, nullable: false }
    }

    /// Anything.
    pub const fn any() -> Self {
        Self::of(Kind::Any)
    }

    /// An object that has these members and no others.
    pub const fn object(properties: &'static [Property]) -> Self {
        Self::of(Kind::Object(Object {
            properties,
            additional: false,
            min_properties: 0,
            max_properties: usize::MAX,
        }))
    }

    /// An array of these.
    pub const fn array(items: &'static Schema) -> Self {
        let array = Array { items, min_items: 0, max_items: usize::MAX, unique_items: false };
        Self::of(Kind::Array(array))
    }

    /// A text.
    pub const fn text() -> Self {
        let text = Text { min_length: 0, max_length: usize::MAX, format: None, pattern: None };
        Self::of(Kind::Text(text))
    }

    /// A whole number.
    pub const fn integer() -> Self {
        Self::of(Kind::Integer(Range::ANY))
    }

    /// A number.
    pub const fn number() -> Self {
        Self::of(Kind::Number(Range::ANY))
    }

    /// True or false.
    pub const fn boolean() -> Self {
        Self::of(Kind::Boolean)
    }

    /// One of these texts.
    pub const fn one_of(variants: &'static [&'static str]) -> Self {
        Self::of(Kind::Enum(variants))
    }

    /// Exactly this.
    pub const fn constant(value: Constant) -> Self {
        Self::of(Kind::Const(value))
    }

    /// What this says.
    pub const fn reference(schema: &'static Schema) -> Self {
        Self::of(Kind::Reference(schema))
    }

    /// Lets `null` through as well.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Lets members of an object through that are not declared.
    #[must_use]
    pub const fn open(mut self) -> Self {
        if let Kind::Object(object) = &mut self.kind {
            object.additional = true;
        }
        self
    }

    /// Bounds the number of an object's members; `usize::MAX` is no bound.
    #[must_use]
    pub const fn properties(mut self, min: usize, max: usize) -> Self {
        if let Kind::Object(object) = &mut self.kind {
            object.min_properties = min;
            object.max_properties = max;
        }
        self
    }

    /// Bounds the number of an array's items; `usize::MAX` is no bound.
    #[must_use]
    pub const fn items(mut self, min: usize, max: usize) -> Self {
        if let Kind::Array(array) = &mut self.kind {
            array.min_items = min;
            array.max_items = max;
        }
        self
    }

    /// Makes an array's items differ from each other.
    #[must_use]
    pub const fn unique(mut self) -> Self {
        if let Kind::Array(array) = &mut self.kind {
            array.unique_items = true;
        }
        self
    }

    /// Bounds the number of a text's characters; `usize::MAX` is no bound.
    #[must_use]
    pub const fn length(mut self, min: usize, max: usize) -> Self {
        if let Kind::Text(text) = &mut self.kind {
            text.min_length = min;
            text.max_length = max;
        }
        self
    }

    /// Gives a text a form.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        if let Kind::Text(text) = &mut self.kind {
            text.format = Some(format);
        }
        self
    }

    /// Makes a text match.
    #[must_use]
    pub const fn pattern(mut self, pattern: &'static Pattern) -> Self {
        if let Kind::Text(text) = &mut self.kind {
            text.pattern = Some(pattern);
        }
        self
    }

    /// The least value of a whole number.
    #[must_use]
    pub const fn min(mut self, least: i64) -> Self {
        if let Kind::Integer(range) = &mut self.kind {
            range.minimum = Some(least);
        }
        self
    }

    /// The greatest value of a whole number.
    #[must_use]
    pub const fn max(mut self, greatest: i64) -> Self {
        if let Kind::Integer(range) = &mut self.kind {
            range.maximum = Some(greatest);
        }
        self
    }

    /// All bounds of a whole number.
    #[must_use]
    pub const fn integers(mut self, bounds: Range<i64>) -> Self {
        if let Kind::Integer(range) = &mut self.kind {
            *range = bounds;
        }
        self
    }

    /// All bounds of a number.
    #[must_use]
    pub const fn numbers(mut self, bounds: Range<f64>) -> Self {
        if let Kind::Number(range) = &mut self.kind {
            *range = bounds;
        }
        self
    }

    /// The schema behind references.
    pub fn resolved(&self) -> &Self {
        match &self.kind {
            Kind::Reference(target) => target.resolved(),
            _ => self,
        }
    }
}

/// Where in a request something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the body.
    Body,
    /// In the query string.
    Query,
    /// In the path.
    Path,
}

impl Place {
    /// As problem documents say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Query => "query",
            Self::Path => "path",
        }
    }
}

/// Something that does not follow its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the request.
    pub place: Place,
    /// Where in there: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The schema's keyword that is not followed, such as `maxLength`.
    pub code: &'static str,
    /// What is wrong, in words.
    pub detail: String,
}
