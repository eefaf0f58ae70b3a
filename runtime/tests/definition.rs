//! The sample's tables are complete and fit together.

mod sample;

use proofline_runtime::Service;
use sample::Generated;
use sample::custom::Sample;

#[test]
fn every_route_has_its_own_operation() {
    let definition = Generated(Sample).definition();
    let mut operations: Vec<_> = definition.routes.iter().map(|route| route.operation).collect();
    operations.sort_unstable();
    operations.dedup();
    assert_eq!(operations.len(), definition.routes.len());
}
