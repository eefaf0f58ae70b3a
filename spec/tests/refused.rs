//! Every kind of problem, as a person sees it: each folder of `refused/` holds a broken document and the text that is
//! printed about it. `PROOFLINE_ACCEPT=1` writes the texts anew.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read must stop the test")]

use std::fs;
use std::path::{Path, PathBuf};

use proofline_spec::check::{
    check_environment, check_lock, check_service, compare_environments, compare_locks,
};
use proofline_spec::diagnostic::{Code, Diagnostic, Styles, render_all, sort, summary};
use proofline_spec::load::{load_environment, load_lock, load_service};

/// Codes that are found elsewhere: by the generator, or in a file too large to keep.
const ELSEWHERE: [&str; 15] = [
    "PL0003", "PL1501", "PL1502", "PL1503", "PL1504", "PL1505", "PL1506", "PL1507", "PL1508",
    "PL1509", "PL1510", "PL1601", "PL1828", "PL1921", "PL1945",
];

/// The name of the folder of the service that each case has.
const FOLDER: &str = "shop";

/// Every problem of the documents in a folder, relative to the crate.
fn problems(folder: &Path) -> Vec<Diagnostic> {
    let features = ["security/jwt".to_owned(), "security/headers".to_owned()];
    let loaded = load_service(&folder.join("service.yaml"));
    let mut found = check_service(&loaded, Some(&features));
    found.extend(loaded.diagnostics.clone());
    let services: Vec<_> = loaded.document.iter().map(|service| (FOLDER, service)).collect();
    let (locks, files): (Vec<_>, Vec<_>) = environments(folder)
        .into_iter()
        .partition(|file| file.to_string_lossy().ends_with(".lock.yaml"));
    let environments: Vec<_> = files.iter().map(|file| load_environment(file)).collect();
    for environment in &environments {
        found.extend(check_environment(environment, &services));
        found.extend(environment.diagnostics.clone());
    }
    found.extend(compare_environments(&environments.iter().collect::<Vec<_>>(), &services));
    let known: Vec<_> = environments.iter().filter_map(|e| e.document.as_ref()).collect();
    let locks: Vec<_> = locks.iter().map(|file| load_lock(file)).collect();
    found.extend(compare_locks(&locks.iter().collect::<Vec<_>>()));
    for lock in locks {
        found.extend(check_lock(&lock, &known, &services));
        found.extend(lock.diagnostics);
    }
    sort(&mut found);
    found
}

fn environments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join("environments")).into_iter().flatten();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn cases(group: &str) -> Vec<PathBuf> {
    // Tests run in the crate's folder; relative paths keep the texts the same on every machine.
    let mut cases: Vec<_> = fs::read_dir(Path::new("tests").join(group))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

#[test]
fn refused_documents_are_explained() {
    let accept = std::env::var_os("PROOFLINE_ACCEPT").is_some();
    let mut wrong = Vec::new();
    for case in cases("refused") {
        let found = problems(&case);
        let text = format!("{}{}\n", render_all(&found, &Styles::plain()), summary(&found));
        let expected = case.join("expected.txt");
        if accept {
            #[expect(clippy::disallowed_methods, reason = "a test rewrites its own fixture")]
            fs::write(&expected, &text).unwrap();
            continue;
        }
        match fs::read_to_string(&expected) {
            Ok(kept) if kept == text => {}
            Ok(kept) => {
                wrong.push(format!("{}\nexpected:\n{kept}\nfound:\n{text}", case.display()));
            }
            Err(_) => wrong.push(format!("{} is missing; found:\n{text}", expected.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn each_case_is_named_by_a_code_that_it_shows() {
    for case in cases("refused") {
        let name = case.file_name().unwrap().to_str().unwrap();
        let found = problems(&case);
        assert!(
            found.iter().any(|diagnostic| name.starts_with(diagnostic.code.id)),
            "{name}: {:?}",
            found.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>()
        );
    }
}

#[test]
fn each_code_has_a_case() {
    let folders = cases("refused");
    let names: Vec<&str> = folders.iter().filter_map(|case| case.file_name()?.to_str()).collect();
    let missing: Vec<_> = Code::ALL
        .iter()
        .filter(|code| !names.iter().any(|name| name.starts_with(code.id)))
        .filter(|code| !ELSEWHERE.contains(&code.id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_error_has_a_place_and_a_way_out() {
    for case in cases("refused") {
        for diagnostic in problems(&case) {
            assert!(diagnostic.fix.is_some(), "{}: {}", case.display(), diagnostic.message);
            assert!(diagnostic.primary.line > 0 && diagnostic.primary.column > 0);
            let message = &diagnostic.message;
            assert!(!message.ends_with('.') && !message.is_empty(), "{}", message);
        }
    }
}

#[test]
fn texts_fit_eighty_columns() {
    for case in cases("refused") {
        let text = render_all(&problems(&case), &Styles::plain());
        for line in text.lines().filter(|line| !line.contains("-->") && !line.contains("::>")) {
            assert!(line.chars().count() <= 80, "{}: {line}", case.display());
        }
    }
}

#[test]
fn accepted_documents_have_no_problem() {
    let cases = cases("accepted");
    assert!(!cases.is_empty());
    for case in cases {
        let found = problems(&case);
        assert!(found.is_empty(), "{}", render_all(&found, &Styles::plain()));
    }
}

#[test]
fn shipped_documents_have_no_problem() {
    let root = Path::new("..");
    let services = proofline_spec::load::find_services(root).unwrap();
    let loaded: Vec<_> = services.iter().map(|path| (path, load_service(path))).collect();
    let mut found = Vec::new();
    let mut documents = Vec::new();
    for (path, service) in &loaded {
        found.extend(service.diagnostics.clone());
        found.extend(check_service(service, None));
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        documents.extend(folder.zip(service.document.as_ref()));
    }
    let files = proofline_spec::load::find_environments(root).unwrap();
    let environments: Vec<_> = files.iter().map(|path| load_environment(path)).collect();
    for environment in &environments {
        found.extend(environment.diagnostics.clone());
        found.extend(check_environment(environment, &documents));
    }
    found.extend(compare_environments(&environments.iter().collect::<Vec<_>>(), &documents));
    let known: Vec<_> = environments.iter().filter_map(|e| e.document.as_ref()).collect();
    for path in proofline_spec::load::find_locks(root).unwrap() {
        let lock = load_lock(&path);
        found.extend(check_lock(&lock, &known, &documents));
        found.extend(lock.diagnostics);
    }
    assert!(found.is_empty(), "{}", render_all(&found, &Styles::plain()));
}
