//! Rules in their order, shares that are what they say, and users who stay where they are.

use proptest::prelude::*;

use super::*;
use crate::definition::Beta;

static FLAG: Flag = Flag {
    name: "VIDEO_MIXER",
    summary: "Films are mixed.",
    rule: Rule::share(2_500),
    beta: Beta { users: &["ada"], roles: &["admin"], tiers: &["creator"] },
    environments: &[("local", Rule::fixed(true)), ("staging", Rule::fixed(false))],
    group: "VIDEO_MIXER",
};

fn change(state: State, percentage: Option<f64>) -> Change {
    Change { state, percentage, users: Some(vec!["grace".to_owned()]) }
}

fn decided(environment: &str, change: Option<&Change>, key: &str) -> (bool, Reason) {
    let found = evaluate(&FLAG, environment, change, &EvaluationContext::of(key));
    (found.value, found.reason)
}

#[test]
fn rules_decide_in_their_order() {
    let off = change(State::Off, None);
    assert_eq!(decided("local", Some(&off), "ada"), (false, Reason::Disabled));
    let on = change(State::On, None);
    assert_eq!(decided("staging", Some(&on), "anybody"), (true, Reason::Static));
    assert_eq!(decided("production", None, "ada"), (true, Reason::TargetingMatch));
    let none = change(State::Percentage, Some(0.0));
    assert_eq!(decided("production", Some(&none), "grace"), (true, Reason::TargetingMatch));
    assert_eq!(decided("production", Some(&none), "linus"), (false, Reason::Split));
    assert_eq!(decided("staging", None, "linus"), (false, Reason::Default));
    assert_eq!(decided("local", None, "linus"), (true, Reason::Default));
}

#[test]
fn roles_and_tiers_of_the_beta_list_are_in() {
    for context in [
        EvaluationContext { role: "admin", ..EvaluationContext::of("x") },
        EvaluationContext { tier: "creator", ..EvaluationContext::of("x") },
    ] {
        let found = evaluate(&FLAG, "staging", None, &context);
        assert_eq!((found.value, found.reason), (true, Reason::TargetingMatch));
    }
}

#[test]
fn a_share_without_a_user_is_an_error_and_the_default() {
    let found = evaluate(&FLAG, "production", None, &EvaluationContext::default());
    assert_eq!((found.value, found.variant), (false, "off"));
    assert_eq!(found.error_code, Some(ErrorCode::TargetingKeyMissing));
}

/// How many of so many made-up users are in, in hundredths of a percent.
fn measured(group: &str, population: u32, share: u16) -> i32 {
    let users = (0..10_000).filter(|n| is_in(group, &format!("user-{population}-{n}"), share));
    i32::try_from(users.count()).unwrap_or(i32::MAX)
}

#[test]
fn shares_of_ten_thousand_users_are_within_a_point_of_their_target() {
    // Chance alone spreads the share of 10,000 users by up to half a point; of 12 populations the mean is closer.
    for share in [1_000, 2_500, 5_000] {
        let all: Vec<i32> =
            (0..12).map(|population| measured("VIDEO_MIXER", population, share)).collect();
        let target = i32::from(share);
        let near = all.iter().filter(|found| (*found - target).abs() <= 100).count();
        assert!(near >= 10, "{near} of 12 populations are within a point of {share}: {all:?}");
        let mean = all.iter().sum::<i32>() / 12;
        assert!((mean - target).abs() <= 40, "the mean is {mean}, not {share}");
    }
}

#[test]
fn the_place_of_a_user_is_the_one_that_is_documented() {
    // SHA-256 of "VIDEO_MIXER\0ada" begins with c9e0…: changing this moves every user of every service.
    let digest = Sha256::digest(b"VIDEO_MIXER\0ada");
    let first = u64::from_be_bytes(digest[..8].try_into().unwrap());
    let place = u16::try_from((u128::from(first) * 10_000) >> 64).unwrap();
    assert!(is_in("VIDEO_MIXER", "ada", place + 1));
    assert!(!is_in("VIDEO_MIXER", "ada", place));
}

proptest! {
    #[test]
    fn who_is_in_a_share_stays_when_it_grows(
        key in ".{1,40}", small in 0_u16..=10_000, more in 0_u16..=10_000,
    ) {
        let large = small.saturating_add(more).min(10_000);
        prop_assert!(!is_in("A", &key, small) || is_in("A", &key, large));
        prop_assert_eq!(is_in("A", &key, small), is_in("A", &key, small));
        prop_assert!(is_in("A", &key, 10_000) && !is_in("A", &key, 0));
    }
}

#[test]
fn flags_choose_their_own_users_and_groups_the_same() {
    let both = |one: &str, other: &str| {
        (0..10_000)
            .map(|n| format!("user-{n}"))
            .filter(|key| is_in(one, key, 5_000) && is_in(other, key, 5_000))
            .count()
    };
    assert!((2_300..=2_700).contains(&both("A", "B")), "half of a half");
    assert!((4_800..=5_200).contains(&both("A", "A")), "the same half");
}
