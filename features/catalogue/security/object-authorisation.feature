@about:owner @needs:accounts @needs:writes
Feature: A user cannot read or change another user's objects by guessing ids

  Background:
    Given a service that can say no
    And a user
    And another user

  Scenario: Somebody else's object
    Then an object of the user is out of the other user's reach on every route that names one
    And the other user is still served

  Scenario: Guessing ids tells nothing
    Then the other user cannot tell that it exists
    And the other user is still served

  Scenario: Lists hold one's own objects only
    Then the other user's lists do not hold it
    And the other user is still served
