//! The harness against small services of this process: a right one passes, each wrong one is found out.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod https;
#[cfg(test)]
mod prints;
#[cfg(test)]
mod service;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod spec;
#[cfg(test)]
mod switches;
