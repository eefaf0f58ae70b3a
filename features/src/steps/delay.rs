//! Payloads that make a database wait: whether an answer takes longer because of what was sent.
//!
//! A slow answer alone says nothing: the machine may be busy. So the same request is repeated with other
//! amounts, in turns, and only a time that follows the amount every time is the payload's.

use std::time::Duration;

use cucumber::step::Collection;

use super::injection::places;
use super::people::crowd;
use super::{Arguments, steps};
use crate::exchange::Answer;
use crate::failure::{Failure, Findings, Seen, require};
use crate::vectors::{self, DelayVector, Makes};
use crate::world::World;

/// How often a suspicion is tried, each time with nothing, little and much to wait for.
const ROUNDS: usize = 4;
/// Work of the largest amount that takes less than this is not seen.
const LEAST_WORK: f64 = 0.4;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "no payload makes any answer wait" => none_waits;
    }
}

/// How long the answers to nothing, little and much took, one after the other, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Round {
    none: f64,
    little: f64,
    much: f64,
}

/// What the rounds say about a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The times do not follow the amount.
    Unaffected,
    /// They do, every time.
    Delayed,
    /// They do, but not every time: something else is slower than the payload.
    Unclear,
}

/// Whether an answer is too early to have waited for so many seconds.
fn is_early(took: f64, seconds: f64) -> bool {
    // Clocks are read at both ends.
    took < seconds * 0.98
}

/// Whether the time of one round follows the amounts.
fn follows(round: Round, vector: &DelayVector) -> bool {
    let Round { none, little, much } = round;
    match vector.makes {
        Makes::Seconds => {
            let (few, many) = (vector.little, vector.much);
            much - none >= 0.7 * many
                && little - none >= 0.5 * few
                && much - little >= 0.5 * (many - few)
        }
        Makes::Work => {
            // The time of little, were all of it the payload's work.
            let share = (much - none) * vector.little / vector.much;
            much - none >= LEAST_WORK && (0.5 * share..=2.0 * share).contains(&(little - none))
        }
    }
}

fn judge(rounds: &[Round], vector: &DelayVector) -> Verdict {
    if rounds.iter().all(|round| follows(*round, vector)) {
        return Verdict::Delayed;
    }
    if vector.makes == Makes::Work {
        return Verdict::Unaffected;
    }
    let early =
        |round: &Round| is_early(round.little, vector.little) || is_early(round.much, vector.much);
    let mut longer: Vec<f64> = rounds.iter().map(|round| round.much - round.none).collect();
    longer.sort_by(f64::total_cmp);
    let median = longer.get(longer.len() / 2).copied().unwrap_or_default();
    if rounds.iter().any(early) || median < vector.much / 2.0 {
        Verdict::Unaffected
    } else {
        Verdict::Unclear
    }
}

/// Whether a first answer to the largest amount is reason enough for more requests.
fn is_suspicious(took: Duration, vector: &DelayVector) -> bool {
    match vector.makes {
        Makes::Seconds => !is_early(took.as_secs_f64(), vector.much),
        Makes::Work => took.as_secs_f64() >= LEAST_WORK,
    }
}

async fn none_waits(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let vectors = vectors::delays().map_err(Failure::Broken)?;
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        for (name, with) in places(world, key, route)? {
            for vector in &vectors {
                let mut rounds = Vec::new();
                let ask = async |world: &mut World, amount: f64, first: bool| {
                    let who = crowd(world, key, route).await?;
                    let request = with(&vector.text(amount), who);
                    if first { world.send(request).await } else { world.send_again(request).await }
                };
                let mut last = ask(world, vector.much, true).await?;
                if is_suspicious(last.duration, vector) {
                    for _ in 0..ROUNDS {
                        let none = seconds(&ask(world, 0.0, false).await?);
                        let little = seconds(&ask(world, vector.little, false).await?);
                        last = ask(world, vector.much, false).await?;
                        rounds.push(Round { none, little, much: seconds(&last) });
                        if judge(&rounds, vector) == Verdict::Unaffected {
                            break;
                        }
                    }
                }
                let case = format!("{key} {name}: {}", vector.name);
                findings.add(&case, outcome(&rounds, vector, &last))?;
            }
        }
    }
    findings.finish("no route takes texts", |count| format!("{count} payloads made nobody wait"))
}

fn seconds(answer: &Answer) -> f64 {
    answer.duration.as_secs_f64()
}

fn outcome(rounds: &[Round], vector: &DelayVector, last: &Answer) -> Result<(), Failure> {
    let verdict = if rounds.is_empty() { Verdict::Unaffected } else { judge(rounds, vector) };
    let times = || {
        let text = |round: &Round| {
            format!("{:.2} s, {:.2} s, {:.2} s", round.none, round.little, round.much)
        };
        let rounds: Vec<String> = rounds.iter().map(text).collect();
        format!("with nothing, little and much to wait for: {}", rounds.join("; "))
    };
    if verdict == Verdict::Unclear {
        return Err(Failure::Broken(format!("too busy to tell whether it waits, {}", times())));
    }
    let what = || format!("the payload was carried out, answers took {}", times());
    require(verdict == Verdict::Unaffected, what, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(makes: Makes) -> DelayVector {
        let (name, template) = (String::new(), "{amount}".to_owned());
        DelayVector { name, template, makes, little: 1.0, much: 3.0 }
    }

    fn rounds(times: [[f64; 3]; ROUNDS]) -> Vec<Round> {
        times.map(|[none, little, much]| Round { none, little, much }).into()
    }

    #[test]
    fn a_time_that_follows_the_amount_every_time_is_the_payloads() {
        let quiet = rounds([[0.0, 1.0, 3.0], [0.1, 1.1, 3.1], [0.0, 1.0, 3.0], [0.2, 1.0, 3.1]]);
        let busy = rounds([[4.0, 5.3, 7.1], [5.1, 6.0, 8.0], [4.4, 5.6, 7.0], [4.0, 5.0, 7.5]]);
        for found in [quiet, busy] {
            assert_eq!(judge(&found, &vector(Makes::Seconds)), Verdict::Delayed);
            assert_eq!(judge(&found, &vector(Makes::Work)), Verdict::Delayed);
        }
    }

    #[test]
    fn a_service_that_is_slow_for_another_reason_is_not_accused() {
        let always = rounds([[5.0, 5.0, 5.1], [4.9, 5.2, 5.0], [5.1, 5.0, 5.0], [5.0, 4.9, 5.3]]);
        let by_chance =
            rounds([[0.0, 1.1, 3.5], [4.0, 3.9, 0.4], [0.0, 1.0, 3.2], [2.0, 4.0, 6.0]]);
        let rising = rounds([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [9.0, 9.5, 10.0]]);
        for found in [always, by_chance, rising] {
            assert_ne!(judge(&found, &vector(Makes::Seconds)), Verdict::Delayed, "{found:?}");
        }
        let once = rounds([[0.1, 0.4, 1.1], [0.1, 0.4, 1.2], [0.1, 0.9, 0.9], [0.1, 0.4, 1.1]]);
        assert_eq!(judge(&once, &vector(Makes::Work)), Verdict::Unaffected);
    }

    #[test]
    fn an_answer_before_the_time_is_up_has_not_waited() {
        let found = rounds([[0.0, 1.0, 3.0], [0.0, 1.0, 3.0], [0.0, 1.0, 3.0], [0.0, 1.0, 2.9]]);
        let mut found = found;
        found[3].none = 1.5;
        assert_eq!(judge(&found, &vector(Makes::Seconds)), Verdict::Unaffected);
        assert!(!is_suspicious(Duration::from_secs(2), &vector(Makes::Seconds)));
        assert!(is_suspicious(Duration::from_secs(3), &vector(Makes::Seconds)));
    }

    #[test]
    fn what_noise_hides_is_not_found_out_either_way() {
        let found = rounds([[0.0, 1.0, 3.0], [2.9, 1.0, 3.0], [0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]);
        assert_eq!(judge(&found, &vector(Makes::Seconds)), Verdict::Unclear);
    }
}
