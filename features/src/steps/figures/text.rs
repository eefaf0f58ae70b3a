//! Reads the text format of Prometheus, version 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::BTreeMap;

/// Figures at one time.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// What each name is, such as `counter`: also names that have no value yet.
    pub(super) kinds: BTreeMap<String, String>,
    /// Name, labels as they stand, value.
    values: Vec<(String, String, f64)>,
}

impl Figures {
    /// Lines that say something else are left out.
    pub(super) fn read(text: &str) -> Self {
        let mut figures = Self::default();
        for line in text.lines() {
            if let Some((name, kind)) =
                line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
            {
                figures.kinds.insert(name.to_owned(), kind.to_owned());
            } else if let Some((series, value)) = line.rsplit_once(' ')
                && let Ok(value) = value.parse()
            {
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                let labels = labels.strip_suffix('}').unwrap_or(labels);
                figures.values.push((name.to_owned(), labels.to_owned(), value));
            }
        }
        figures
    }

    /// All values of a name together that have these labels, none of which has quotes in it; 0 when there are none.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let matching = self.values.iter().filter(|(known, has, _)| {
            known == name
                && wanted.iter().all(|one| {
                    let at = has.find(one.as_str());
                    at.is_some_and(|at| at == 0 || has.as_bytes()[at - 1] == b',')
                })
        });
        matching.map(|(_, _, value)| value).sum()
    }

    /// By how much they have grown.
    pub(super) fn since(&self, before: &Self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum(name, labels) - before.sum(name, labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_labels() {
        let text = "# HELP a Something.\n# TYPE a counter\na{route=\"/x/{id}\",status=\"200\"} 3\n\
                    a{route=\"/x\",status=\"200\"} 4\na_sum 0.5\nb{xroute=\"/x\"} 9\n# TYPE c gauge\n";
        let figures = Figures::read(text);
        for (name, labels, expected) in [
            ("a", &[("route", "/x/{id}"), ("status", "200")][..], 3.0),
            ("a", &[("status", "200")], 7.0),
            ("a_sum", &[], 0.5),
            ("b", &[("route", "/x")], 0.0),
            ("a", &[("route", "/x")], 4.0),
        ] {
            let found = figures.since(&Figures::default(), name, labels);
            assert!((found - expected).abs() < 1e-9, "{name} {labels:?} is {found}");
        }
        assert_eq!(figures.kinds["c"], "gauge");
    }
}
