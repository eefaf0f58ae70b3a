@about:webhook @needs:webhook-secret @needs:accounts @needs:writes
Feature: A webhook is accepted only with a signature over its raw body, and a replay has no second effect

  Background:
    Given a service that can say no
    And a user

  Scenario: Wrong signatures
    Then a webhook with a right signature about the user is accepted
    And a webhook is refused with each of these signatures
      | signature                         |
      | none                              |
      | an empty one                      |
      | one with another key              |
      | one with an empty key             |
      | that of another body              |
      | one that is cut                   |
      | one with two letters more         |
      | one whose first letter is another |
      | one whose last letter is another  |
      | one that is no signature          |
      | all zeroes                        |
      | the secret's own name             |
      | two, one of them wrong            |
    And a webhook with a right signature about the user is accepted

  Scenario: The signature is over the raw body
    Then a webhook with a right signature about the user is accepted
    And a signed webhook that was edited afterwards is refused

  @about:webhook-time
  Scenario: Kept, and sent at another time
    Then a webhook with a right signature about the user is accepted
    And a webhook that was signed half the window ago is accepted
    And a rightly signed webhook is refused when its time is one of these
      | time                      |
      | older than the window     |
      | a year old                |
      | of the future             |
      | not told                  |
      | empty                     |
      | no number                 |
      | a number with a sign      |
      | not that of the signature |
      | two times                 |
      | beyond all numbers        |
    And a webhook with a right signature about the user is accepted

  Scenario: Sent again
    Then a webhook with a right signature about the user is accepted
    And an event that is sent again has no second effect

  @serial @needs:faults @needs:loopback
  Scenario: Failed, and sent again
    Then an event that is sent again has no second effect
    And an event that failed is done when it is sent again
