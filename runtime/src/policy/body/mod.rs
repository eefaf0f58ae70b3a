//! Bodies: their media type, their size, their JSON.

pub mod json;
