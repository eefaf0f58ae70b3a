@about:endpoint-limit @needs:exhaust-limits @needs:client-address @needs:principal
Feature: An endpoint's own limit holds, and the most restrictive layer is the one reported

  Background:
    Given a service that can say no

  Scenario: Every limit that belongs to single endpoints
    When each endpoint's own limit is used up
    Then exactly as many requests are let through as the limit allows
    And the refusal names the limit and when to come again
    And who is refused there is still served elsewhere

  Scenario: What is left of each is told
    When each endpoint's own limit is used up
    Then what remains counts down to nothing

  Scenario: Several layers at once
    Given a user
    Then the layer with the least left is the one reported
    And the user is still served
