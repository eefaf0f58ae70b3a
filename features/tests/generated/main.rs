//! Generated values against an independent validator of JSON Schema.

#[cfg(test)]
mod cases;
